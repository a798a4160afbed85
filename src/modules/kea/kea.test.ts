import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { expectGolden } from '../../../tests/golden.ts'
import { contextFor, GUEST, goldenOf, HOME, sampleRouter } from '../../../tests/sample-router.ts'
import type { Wan } from '../../router/model.ts'
import type { Provided } from '../../router/module.ts'
import { kea } from './module.ts'

const DNS: Provided = { capability: 'dns', module: 'unbound', address: '127.0.0.1', port: 53 }
const TIME: Provided = { capability: 'time', module: 'chrony', address: '127.0.0.1', port: 123 }

function build(...args: Parameters<typeof contextFor> extends [unknown, ...infer R] ? R : never) {
  return kea.build(contextFor(kea, ...args))
}

/** The generated file as data: without its comments and its include. */
function parsed(output: ReturnType<typeof build>) {
  const text = output.files[0]?.text ?? ''
  return JSON.parse(text.replace(/^\/\/.*$/gm, '').replace(/<\?include "([^"]*)"\?>/, '"$1"')).Dhcp4
}

describe('golden', () => {
  const cases = {
    home: build({}, sampleRouter(), [DNS, TIME]),
    alone: build({ dns_servers: ['192.0.2.53', '192.0.2.54'] }, sampleRouter({ networks: [HOME] })),
  }
  it.each(Object.entries(cases))('%s', async (name, output) => {
    await expectGolden(join(import.meta.dirname, 'golden', name), goldenOf(output))
  })
})

describe('options to clients', () => {
  const options = (...args: Parameters<typeof build>) =>
    Object.fromEntries(
      parsed(build(...args)).subnet4[0]['option-data'].map((o: { name: string; data: string }) => [
        o.name,
        o.data,
      ]),
    )

  it('names the router itself where it offers DNS and time', () => {
    expect(options({}, sampleRouter(), [DNS, TIME])).toEqual({
      routers: '10.0.0.1',
      'broadcast-address': '10.0.0.255',
      'domain-name-servers': '10.0.0.1',
      'ntp-servers': '10.0.0.1',
    })
  })

  it('offers neither where nobody provides it', () => {
    expect(options({})).toEqual({ routers: '10.0.0.1', 'broadcast-address': '10.0.0.255' })
  })

  it('prefers the resolvers of the file, then ours, then those of a static WAN', () => {
    const own = { dns_servers: ['192.0.2.53', '192.0.2.54'] }
    const wan = { ...sampleRouter().wan, config: STATIC } satisfies Wan
    expect(options(own, sampleRouter({ wan }), [DNS])['domain-name-servers']).toBe('192.0.2.53, 192.0.2.54')
    expect(options({}, sampleRouter({ wan }), [DNS])['domain-name-servers']).toBe('10.0.0.1')
    expect(options({}, sampleRouter({ wan }))['domain-name-servers']).toBe('198.51.100.53')
  })
})

const STATIC: Wan['config'] = {
  mode: 'static',
  interface: 'wan0',
  block_private: 'auto',
  address: '198.51.100.2/24',
  gateway: '198.51.100.1',
  dns: ['198.51.100.53', '2001:db8::53'],
  ipv6: 'auto',
}

describe('networks', () => {
  const { dhcp: _, ...guest } = GUEST
  const silent = sampleRouter({ networks: [HOME, guest] })

  it('serves, opens and listens in those with a dhcp section only', () => {
    const output = build({}, silent)
    expect(parsed(output).subnet4).toHaveLength(1)
    expect(output.openings).toEqual([{ from: 'home', protocol: 'udp', port: 67, why: 'DHCP' }])
    expect(output.services[0]?.command).toEqual(['br-home'])
    expect(output.services[0]?.listens).toEqual([{ protocol: 'udp', port: 67, addresses: ['10.0.0.1'] }])
  })

  it('never names a device in a subnet: Kea would refuse the file while the device is missing', () => {
    expect(build({}).files[0]?.text).not.toContain('"interface"')
  })
})

describe('check', () => {
  it('says when nobody is served and when nobody gets a resolver', () => {
    const { dhcp: _, ...home } = HOME
    const issues = kea.check?.(contextFor(kea, {}, sampleRouter({ networks: [home] })))
    expect(issues?.map(({ severity, message }) => [severity, message])).toEqual([
      ['warning', 'no network has a dhcp section, so nobody gets an address'],
      ['warning', 'clients will be given no DNS server: no module provides dns'],
    ])
    expect(kea.check?.(contextFor(kea, {}, sampleRouter(), [DNS]))).toEqual([])
  })
})
