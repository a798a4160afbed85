import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FakeKea } from '../../tests/fake-control-servers.ts'
import { keaLeases, parseLeases } from './kea-client.ts'

const PHONE = {
  'client-id': '01:02:00:5e:10:00:01',
  cltt: 1000,
  'fqdn-fwd': false,
  'fqdn-rev': false,
  hostname: 'phone',
  'hw-address': '02:00:5e:10:00:01',
  'ip-address': '10.0.0.130',
  state: 0,
  'subnet-id': 1,
  'valid-lft': 600,
}

function reply(...leases: unknown[]): string {
  return JSON.stringify({ arguments: { leases }, result: 0, text: `${leases.length} IPv4 lease(s) found.` })
}

describe('parseLeases', () => {
  test('an assigned lease', () => {
    expect(parseLeases(reply(PHONE))).toEqual([
      {
        address: '10.0.0.130',
        hostname: 'phone',
        client: '02:00:5e:10:00:01',
        mac: '02:00:5e:10:00:01',
        cltt: 1000,
        expires: 1600,
      },
    ])
  })

  test('no leases', () => {
    expect(parseLeases('{ "arguments": { "leases": [] }, "result": 3, "text": "0 found." }')).toEqual([])
  })

  test('infinite, and known by its client identifier only', () => {
    const odd = { ...PHONE, 'valid-lft': 0xffffffff, 'hw-address': '' }
    expect(parseLeases(reply(odd))[0]).toMatchObject({
      expires: Number.POSITIVE_INFINITY,
      client: '01:02:00:5e:10:00:01',
    })
  })

  test('declined, released, and malformed entries are left out without harm to the others', () => {
    const bad = [
      { ...PHONE, state: 1 },
      { ...PHONE, state: 2 },
      { ...PHONE, state: 3 },
      { ...PHONE, 'ip-address': 'fd00::1' },
      { ...PHONE, 'ip-address': '10.0.0.1; x' },
      { ...PHONE, cltt: -1 },
      { ...PHONE, 'valid-lft': '600' },
      null,
      [],
      'lease',
    ]
    expect(parseLeases(reply(...bad, PHONE))).toHaveLength(1)
  })

  test.each([
    '',
    '{',
    'null',
    '[]',
    '{"result":1,"text":"unable"}',
    '{"result":0}',
    '{"result":0,"arguments":[]}',
  ])('refuses %j', (text) => {
    expect(() => parseLeases(text)).toThrow()
  })

  test('fuzz: any JSON gives leases that make sense or an Error', () => {
    const field = fc.oneof(fc.jsonValue(), fc.constantFrom(0, 1, 600, '10.0.0.1', 'x'))
    const entry = fc.record(
      {
        'ip-address': field,
        cltt: field,
        'valid-lft': field,
        state: field,
        hostname: field,
        'hw-address': field,
      },
      { requiredKeys: [] },
    )
    const answer = fc.oneof(
      fc.json(),
      fc.string({ unit: 'binary' }),
      fc
        .record({ result: fc.constantFrom(0, 3, 1, 'x'), arguments: fc.record({ leases: fc.array(entry) }) })
        .map((v) => JSON.stringify(v)),
    )
    fc.assert(
      fc.property(answer, (text) => {
        let leases: ReturnType<typeof parseLeases> = []
        try {
          leases = parseLeases(text)
        } catch (error) {
          expect(error).toBeInstanceOf(Error)
        }
        for (const lease of leases) {
          expect(lease.address).toMatch(/^[\d.]+$/)
          expect(lease.expires).toBeGreaterThanOrEqual(lease.cltt)
          expect(typeof lease.hostname).toBe('string')
        }
      }),
    )
  })
})

describe('keaLeases', () => {
  let dir: string
  let kea: FakeKea
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sekisho-kea-'))
    kea = await new FakeKea(join(dir, 'kea4.sock')).start()
  })
  afterEach(async () => {
    await kea.stop()
    await rm(dir, { recursive: true, force: true })
  })

  test('asks and reads a big answer', async () => {
    kea.leases = Array.from({ length: 5000 }, (_, i) => ({
      ...PHONE,
      'ip-address': `10.0.${i >> 8}.${i & 255}`,
    }))
    expect(await keaLeases(kea.path)).toHaveLength(5000)
    expect(kea.requests).toEqual(['{"command":"lease4-get-all"}'])
  })

  test('half an answer is an error', async () => {
    kea.answer = () => '{ "arguments": { "leases": ['
    await expect(keaLeases(kea.path)).rejects.toThrow()
  })
})
