import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { describeLeases } from './describe-leases.ts'
import { type KnownNetwork, listedLeases, released } from './listed-leases.ts'

const NETWORKS: readonly KnownNetwork[] = [
  {
    name: 'home',
    prefix: '10.0.0.0/24',
    reservations: [{ name: 'nas', mac: '02:00:5e:10:00:08', address: '10.0.0.200' }],
  },
  { name: 'guest', prefix: '10.0.1.0/24', reservations: [] },
]
const NOW = Date.UTC(2026, 10, 27)
const lease = (address: string, more: object = {}) => ({
  'ip-address': address,
  'hw-address': '02:00:5E:10:00:08',
  hostname: 'nas',
  cltt: NOW / 1000 - 3600,
  'valid-lft': 43_200,
  state: 0,
  ...more,
})
const reply = (...leases: unknown[]) => JSON.stringify({ result: 0, arguments: { leases } })

describe('what Kea answers', () => {
  it('is listed by address, each in its network and its state', () => {
    const text = reply(
      lease('10.0.1.20', { hostname: 'tablet', 'hw-address': '', 'client-id': '01:02' }),
      lease('10.0.0.200'),
      lease('10.0.0.30', { state: 1 }),
      lease('10.0.0.31', { state: 2 }),
      lease('10.0.0.32', { 'valid-lft': 60 }),
      lease('192.0.2.9', { 'valid-lft': 0xffff_ffff }),
    )
    const leases = listedLeases(text, NETWORKS, NOW)
    expect(
      leases.map(({ address, network, state, reserved }) => [address, network, state, reserved]),
    ).toEqual([
      ['10.0.0.30', 'home', 'declined', false],
      ['10.0.0.31', 'home', 'over', false],
      ['10.0.0.32', 'home', 'over', false],
      ['10.0.0.200', 'home', 'in use', true],
      ['10.0.1.20', 'guest', 'in use', false],
      ['192.0.2.9', '', 'in use', false],
    ])
    expect(leases[4]).toEqual({
      address: '10.0.1.20',
      name: 'tablet',
      clientId: '01:02',
      network: 'guest',
      state: 'in use',
      asked: '2026-11-26T23:00:00.000Z',
      ends: '2026-11-27T11:00:00.000Z',
      reserved: false,
    })
    expect(leases[5]?.ends).toBeNull()
    expect(describeLeases(leases.slice(3), NOW)).toBe(
      [
        'ADDRESS     NAME    MAC                NETWORK  ENDS',
        '10.0.0.200  nas     02:00:5e:10:00:08  home     in 11 h 0 min  reserved',
        '10.0.1.20   tablet  01:02              guest    in 11 h 0 min',
        '192.0.2.9   nas     02:00:5e:10:00:08  -        never',
        '',
      ].join('\n'),
    )
  })

  it('may be nothing, a refusal, or something that is no lease', () => {
    expect(listedLeases('{"result":3,"text":"0 IPv4 lease(s) found."}', NETWORKS, NOW)).toEqual([])
    expect(() => listedLeases('{"result":1,"text":"the database is away"}', NETWORKS, NOW)).toThrow('away')
    expect(listedLeases(reply(lease('10.0.0.9'), lease('here'), 7, null), NETWORKS, NOW)).toHaveLength(1)
    expect(released('{"result":0,"text":"IPv4 lease deleted."}')).toBe(true)
    expect(released('{"result":3,"text":"IPv4 lease not found."}')).toBe(false)
    expect(() => released('{"result":1,"text":"no"}')).toThrow('no')
  })

  it('hurts no terminal, whatever a device calls itself', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.double(), (hostname, cltt) => {
        const leases = listedLeases(
          reply(lease('10.0.0.9', { hostname, cltt }), lease('10.0.0.8', { hostname })),
          NETWORKS,
          NOW,
        )
        const lines = describeLeases(leases, NOW).trimEnd().split('\n')
        expect(lines).toHaveLength(leases.length + 1)
        for (const line of lines) expect(line).not.toMatch(/[\p{Cc}\p{Cf}]/u)
      }),
    )
  })
})
