import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { AgentStatus } from '../agent/status.ts'
import type { RecorderStatus } from '../recorder/status.ts'
import { agentReading, recorderReading, watcherReading, writtenAt } from './statuses.ts'

test("the agent's and the recorder's, as they write them", () => {
  const agent: AgentStatus = {
    version: 1,
    pid: 1,
    startedAt: '2026-11-26T00:00:00Z',
    wan: {
      device: 'wan0',
      carrier: true,
      addresses: [],
      defaultRoute4: true,
      defaultRoute6: false,
      state: 'up',
      ipv4: 'up',
      ipv6: 'no-address',
      up: true,
      since: '2026-11-26T00:00:00Z',
      sinceUptimeSecs: 1,
    },
    defaultRouter6: false,
    resolvers: ['192.0.2.53'],
    jobs: { names: { ok: false, since: '2026-11-26T00:00:00Z', lastError: 'x' } },
  }
  expect(agentReading(JSON.stringify(agent))).toEqual({
    up4: true,
    up6: false,
    resolvers: ['192.0.2.53'],
    jobs: { names: false },
  })

  const recorder = {
    version: 1,
    since: '2026-11-26T00:00:00Z',
    time: '2026-11-26T00:00:05Z',
    log: { segments: 1, bytes: 7, dropped: { segments: 0, bytes: 0, rows: 3 } },
    archive: {
      passes: 1,
      failedPasses: 0,
      counts: {
        segments: 0,
        rows: 0,
        duplicateChunks: 0,
        repaired: 0,
        malformed: 0,
        unknownFrames: 0,
        damagedBytes: 0,
        quarantined: 0,
        days: 0,
        deletedFiles: 0,
        deletedBytes: 0,
      },
      stored: { files: 2, bytes: 9 },
      cost: { storedBytes: 16, dollars: 1, yen: 150 },
    },
    sources: { syslog: { state: 'up', received: 4, stored: 3, dropped: 1, malformed: 0, details: {} } },
  } satisfies RecorderStatus
  expect(recorderReading(JSON.stringify(recorder))).toEqual({
    sources: { syslog: { received: 4, stored: 3, dropped: 1, malformed: 0 } },
    logBytes: 7,
    lostRows: 3,
    archive: { files: 2, bytes: 9 },
    cost: { storedBytes: 16, dollars: 1, yen: 150 },
  })
  expect(writtenAt(JSON.stringify(recorder))).toBe(Date.parse(recorder.time))
})

test('any text is a reading or none', () => {
  const odd = fc.oneof(fc.json(), fc.string(), fc.constantFrom('{"wan":{"ipv4":"up"}}', '{"sources":[1]}'))
  fc.assert(
    fc.property(odd, (text) => {
      for (const read of [agentReading, recorderReading, watcherReading, writtenAt]) read(text)
    }),
  )
  expect(watcherReading('{}')).toBeUndefined()
  expect(writtenAt('{"time":"never"}')).toBeUndefined()
})
