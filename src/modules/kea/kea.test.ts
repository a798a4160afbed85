import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { expectGolden } from '../../../tests/golden.ts'
import { contextFor, GUEST, goldenOf, HOME, sampleRouter } from '../../../tests/sample-router.ts'
import type { Wan } from '../../router/model.ts'
import type { Provided } from '../../router/module.ts'
import { kea } from './module.ts'

const DNS: Provided = { capability: 'dns', module: 'unbound', address: '127.0.0.1', port: 53 }
const DATABASE: Provided = {
  capability: 'lease-database',
  module: 'mariadb',
  engine: 'mariadb',
  account: 'leases',
  socket: '/run/sekisho/mariadb/mysqld.sock',
  file: '/var/lib/sekisho/mariadb/secrets/leases',
}
const TIME: Provided = { capability: 'time', module: 'chrony', address: '127.0.0.1', port: 123 }

function build(...args: Parameters<typeof contextFor> extends [unknown, ...infer R] ? R : never) {
  return kea.build(contextFor(kea, ...args))
}

/** The generated file as data: without its comments and its include. */
function parsed(output: ReturnType<typeof build>) {
  const text = output.files[0]?.text ?? ''
  return JSON.parse(text.replace(/^\/\/.*$/gm, '').replace(/<\?include "([^"]*)"\?>/g, '"$1"')).Dhcp4
}

describe('golden', () => {
  const cases = {
    home: build({}, sampleRouter(), [DNS, TIME]),
    mariadb: build({ lease_database: 'mariadb' }, sampleRouter({ networks: [HOME] }), [DNS, DATABASE]),
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

describe('options of the file', () => {
  const told = (option_data: object[], network = 0) =>
    parsed(build({ option_data }, sampleRouter(), [DNS, TIME])).subnet4[network]['option-data']

  it('are told in every network, or in those that they name', () => {
    const tftp = { name: 'tftp-server-name', data: '10.0.0.5' }
    expect(told([tftp])).toContainEqual(tftp)
    expect(told([tftp], 1)).toContainEqual(tftp)
    expect(told([{ ...tftp, networks: ['home'] }], 1)).not.toContainEqual(tftp)
    expect(told([{ code: 224, data: '0A0B', csv_format: false, always_send: true }])).toContainEqual({
      code: 224,
      data: '0A0B',
      'csv-format': false,
      'always-send': true,
    })
  })

  it.each([{ name: 'ntp-servers' }, { code: 42 }])('go before ours: %j', (which) => {
    const all = told([{ ...which, data: '192.0.2.123' }])
    expect(all).toContainEqual({ ...which, data: '192.0.2.123' })
    expect(JSON.stringify(all).match(/"ntp-servers"|"code":42/g)).toHaveLength(1)
  })

  it.each(['"}], "x": <?include "/etc/shadow"?>', '@password@', '// \\'])(
    'are text whatever they say: %s',
    (data) => {
      const output = build(
        { lease_database: 'mariadb', option_data: [{ name: 'boot-file-name', data }] },
        sampleRouter(),
        [DATABASE],
      )
      expect(
        output.files[0]?.text
          .match(/^.*<\?include.*$/gm)
          ?.filter((line) => !line.includes(JSON.stringify(data))),
      ).toHaveLength(2)
      expect(output.files[0]?.text).toContain(`"data": ${JSON.stringify(data)}`)
    },
  )

  it.each([
    { name: 'a b', data: '' },
    { data: '1' },
    { name: 'routers', code: 3, data: '1' },
    { code: 255, data: '' },
  ])('are refused when they are none: %j', (option) => {
    expect(kea.config.safeParse({ option_data: [option] }).success).toBe(false)
  })
})

describe('networks', () => {
  const { dhcp: _, ...guest } = GUEST
  const silent = sampleRouter({ networks: [HOME, guest] })

  it('serves, opens and listens in those with a dhcp section only', () => {
    const output = build({}, silent)
    expect(parsed(output).subnet4).toHaveLength(1)
    expect(output.openings).toEqual([{ from: 'home', protocol: 'udp', port: 67, why: 'DHCP' }])
    expect(output.services[0]?.command).toEqual(['memfile', 'br-home'])
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

  it('needs the database that the file asks for, and knows it by its kind', () => {
    const check = (...provided: Provided[]) =>
      kea.check?.(contextFor(kea, { lease_database: 'mariadb' }, sampleRouter(), [DNS, ...provided]))
    expect(check()).toMatchObject([
      {
        path: ['modules', 'kea', 'lease_database'],
        message: 'no module in this file provides a database of the kind "mariadb"',
        fix: 'add "mariadb: {}" to the modules, or write lease_database: memfile',
      },
    ])
    expect(check(DATABASE)).toEqual([])
  })

  it('names an option for a network that has no DHCP', () => {
    const option_data = [{ code: 43, data: '', networks: ['home', 'nowhere'] }]
    expect(kea.check?.(contextFor(kea, { option_data }, sampleRouter(), [DNS]))).toMatchObject([
      { path: ['modules', 'kea', 'option_data', 0, 'networks', 1] },
    ])
  })
})

describe('the lease database', () => {
  it('is reached where the leases may still be, though they are in the file now', () => {
    const mounts = build({}, sampleRouter(), [DATABASE]).services[0]?.mounts
    expect(mounts).toContainEqual({ kind: 'host', source: '/run/sekisho/mariadb', target: '/run/mysqld' })
    expect(build({}).services[0]?.mounts).toHaveLength(4)
  })

  it('is never named with its password', () => {
    const { password } = parsed(build({ lease_database: 'mariadb' }, sampleRouter(), [DATABASE]))[
      'lease-database'
    ]
    expect(password).toBe('/run/kea-local/password.json')
  })
})
