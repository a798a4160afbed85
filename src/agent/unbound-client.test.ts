import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FakeControl, FakeUnbound } from '../../tests/fake-control-servers.ts'
import type { LocalRecord } from './local-data.ts'
import { addLocalData, listLocalData, removeLocalData } from './unbound-client.ts'

const SOA = 'home.arpa. 300 IN SOA gate.home.arpa. hostmaster.home.arpa. 1 3600 600 86400 10'
let dir: string
let unbound: FakeUnbound

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sekisho-unbound-'))
  unbound = await new FakeUnbound(join(dir, 'unbound.ctl'), [SOA]).start()
})
afterEach(async () => {
  await unbound.stop()
  await rm(dir, { recursive: true, force: true })
})

function host(i: number): LocalRecord {
  return { name: `h${i}.home.arpa.`, ttl: 60, type: 'A', data: `10.0.${i >> 8}.${i & 255}` }
}

describe('the unbound client', () => {
  test('adds, lists and removes, in batches', async () => {
    const records = Array.from({ length: 450 }, (_, i) => host(i))
    await addLocalData(unbound.path, records)
    expect(unbound.requests).toHaveLength(3)
    const listed = await listLocalData(unbound.path, (record) => record.type === 'A')
    expect(listed).toEqual(records)
    await removeLocalData(
      unbound.path,
      records.slice(1).map((record) => record.name),
    )
    expect([...unbound.records]).toEqual([SOA, 'h0.home.arpa. 60 IN A 10.0.0.0'])
  })

  test('nothing to say opens no connection', async () => {
    await addLocalData(unbound.path, [])
    await removeLocalData(unbound.path, [])
    expect(unbound.requests).toEqual([])
  })

  test.each(['a\nb', 'a\u0004', '\u0004', 'é', ''])('never sends %j', async (data) => {
    const name = `x${data}.home.arpa.`
    if (data === '') await expect(removeLocalData(unbound.path, [''])).rejects.toThrow('not a line')
    else await expect(addLocalData(unbound.path, [{ ...host(1), name }])).rejects.toThrow('not a line')
    expect(unbound.requests).toEqual([])
  })

  test('a refusal is an error, after the other batches were tried', async () => {
    const real = unbound.answer
    let first = true
    unbound.answer = (request) => {
      const reply = real(request)
      if (reply === undefined || !first) return reply
      first = false
      return `error parsing local-data at line 1\nadded 199 datas\n`
    }
    const records = Array.from({ length: 201 }, (_, i) => host(i))
    await expect(addLocalData(unbound.path, records)).rejects.toThrow('error parsing')
    expect([...unbound.records].at(-1)).toContain('h200.')
    unbound.answer = () => ''
    await expect(addLocalData(unbound.path, [host(1)])).rejects.toThrow('an empty reply')
    unbound.answer = () => "error unknown command 'list_local_data'\n"
    await expect(listLocalData(unbound.path, () => true)).rejects.toThrow('unknown command')
  })

  test('a host may be called error', async () => {
    await addLocalData(unbound.path, [{ ...host(1), name: 'error.home.arpa.' }])
    expect(await listLocalData(unbound.path, (r) => r.type === 'A')).toHaveLength(1)
  })

  test('lines longer than any record are skipped', async () => {
    unbound.answer = () =>
      `${'x'.repeat(300_000)}\nphone.home.arpa.\t60\tIN\tA\t10.0.0.9\n${'y'.repeat(9000)}`
    expect(await listLocalData(unbound.path, () => true)).toEqual([
      { name: 'phone.home.arpa.', ttl: 60, type: 'A', data: '10.0.0.9' },
    ])
  })

  test('fuzz: any bytes list as records or an Error', async () => {
    const control = await new FakeControl(join(dir, 'fuzz.ctl'), () => '').start()
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes)),
          fc
            .array(
              fc.constantFrom('a.', '\t', ' ', '60', 'IN', 'A', '\n', '10.0.0.1', '\u0004', '\0', 'error'),
            )
            .map((p) => Buffer.from(p.join(''))),
        ),
        async (bytes) => {
          control.answer = () => bytes
          const records = await listLocalData(control.path, () => true).catch((error: unknown) => {
            expect(error).toBeInstanceOf(Error)
            return []
          })
          for (const record of records) expect(record.name).toMatch(/^\S+$/)
        },
      ),
    )
    await control.stop()
  })
})
