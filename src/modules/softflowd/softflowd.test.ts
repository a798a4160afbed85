import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { expectGolden } from '../../../tests/golden.ts'
import { contextFor, goldenOf, sampleRouter } from '../../../tests/sample-router.ts'
import type { Provided } from '../../router/module.ts'
import { softflowd } from './module.ts'

const NETFLOW: Provided = {
  capability: 'netflow',
  module: 'recorder',
  address: '127.0.0.1',
  port: 2055,
  protocol: 'udp',
}
const ELSEWHERE = {
  interfaces: ['wan', 'guest'],
  export: { version: 10, to: '[2001:db8::9]:4739' },
  sampling: 100,
  max_life_secs: 60,
}

const contextOf = (config: unknown, provided = [NETFLOW]) =>
  contextFor(softflowd, config, sampleRouter(), provided)

describe('golden', () => {
  it.each(Object.entries({ default: {}, elsewhere: ELSEWHERE }))('%s', async (name, config) => {
    await expectGolden(
      join(import.meta.dirname, 'golden', name),
      goldenOf(softflowd.build(contextOf(config))),
    )
  })
})

describe('config', () => {
  it.each([
    { export: { version: 1 } },
    { export: { version: '9' } },
    { export: { to: 'collector' } },
    { export: { to: '192.0.2.9' } },
    { export: { to: '192.0.2.9:0' } },
    { export: { to: '2001:db8::9:2055' } },
    { export: { to: '-x:2055' } },
    { export: { to: 'a b:2055' } },
    { export: { to: 'host:2055\n' } },
    { sampling: 0 },
    { sampling: 65_536 },
    { max_life_secs: 1 },
    { interfaces: 'home' },
  ])('refuses %j', (config) => {
    expect(softflowd.config.safeParse(config).success).toBe(false)
  })

  it('names what is no interface, what is meant twice, and what goes nowhere', () => {
    const issues = (config: unknown, provided?: Provided[]) =>
      (softflowd.check?.(contextOf(config, provided)) ?? []).map(
        ({ path, severity }) => `${path.slice(2).join('.')} ${severity ?? 'error'}`,
      )
    expect(issues({})).toEqual([])
    expect(issues({ interfaces: ['home', 'attic'] })).toEqual(['interfaces.1 error'])
    expect(issues({ interfaces: ['; reboot'] })).toEqual(['interfaces.0 error'])
    expect(issues({ interfaces: ['wan', 'wan0'] })).toEqual(['interfaces error'])
    expect(issues({}, [])).toEqual(['export error'])
    expect(issues({ export: { to: '192.0.2.9:2055' } }, [])).toEqual([])
    expect(issues({ export: { version: 5 } })).toEqual(['export.version warning'])
  })
})

it('takes ports too, and has a service for each interface', () => {
  const { services } = softflowd.build(contextOf({ interfaces: ['wan0', 'home'] }))
  expect(services.map(({ name }) => name)).toEqual(['softflowd-wan0', 'softflowd-home'])
  expect(services.map(({ command }) => command?.[3])).toEqual(['1:wan0', '2:br-home'])
  for (const { capabilities } of services) expect(capabilities).toEqual(['NET_RAW'])
})
