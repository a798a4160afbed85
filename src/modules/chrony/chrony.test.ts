import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { expectGolden } from '../../../tests/golden.ts'
import { contextFor, goldenOf, HOME, sampleRouter } from '../../../tests/sample-router.ts'
import type { Provided } from '../../router/module.ts'
import { chrony } from './module.ts'

const DNS: Provided = { capability: 'dns', module: 'unbound', address: '127.0.0.1', port: 53 }

describe('golden', () => {
  const { ula: _, ...home } = HOME
  const cases = {
    home: contextFor(chrony, {}, sampleRouter(), [DNS]),
    alone: contextFor(
      chrony,
      { servers: ['ntp.example.org', '192.0.2.123', '2001:db8::123'], set_clock: false },
      sampleRouter({ networks: [home] }),
    ),
  }
  it.each(Object.entries(cases))('%s', async (name, ctx) => {
    await expectGolden(join(import.meta.dirname, 'golden', name), goldenOf(chrony.build(ctx)))
  })
})

describe('provides', () => {
  const names = (config: unknown) =>
    chrony.provides?.(chrony.config.parse(config), sampleRouter()).time?.names

  it('names what must resolve before the clock is right, and no addresses', () => {
    expect(names({})).toEqual(['2.debian.pool.ntp.org'])
    expect(names({ servers: ['ntp.example.org', '192.0.2.123'] })).toEqual(['ntp.example.org'])
    expect(names({ servers: ['ntp.example.org'], pools: ['pool.example.org', 'ntp.example.org'] })).toEqual([
      'ntp.example.org',
      'pool.example.org',
    ])
  })
})

describe('config', () => {
  it.each(['ntp.example.org iburst\nallow 0.0.0.0/0', 'ntp.example.org\n', 'NTP EXAMPLE', '', 'a;b', '#'])(
    'refuses %j as a server',
    (server) => {
      expect(chrony.config.safeParse({ servers: [server] }).success).toBe(false)
    },
  )

  it('refuses a file that names no source at all', () => {
    expect(chrony.check?.(contextFor(chrony, { pools: [] }))).toHaveLength(1)
    expect(chrony.check?.(contextFor(chrony, {}))).toEqual([])
  })
})

it('has the right to set the clock only where it sets it', () => {
  const service = (config: unknown) => chrony.build(contextFor(chrony, config)).services[0]
  expect(service({})?.capabilities).toContain('SYS_TIME')
  expect(service({ set_clock: false })?.capabilities).not.toContain('SYS_TIME')
  expect(service({ set_clock: false })?.command).toEqual(['-x'])
})
