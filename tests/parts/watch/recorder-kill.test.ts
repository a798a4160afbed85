import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { Delivery } from '../../../src/watch/deliver.ts'
import { loggedRecords } from '../../recorder-log.ts'
import { recorderSettings } from '../../recorder-settings.ts'

/* The whole recorder, killed at any moment, and a watcher's sender that knows nothing of that. */

const START = join(import.meta.dirname, '../../../src/recorder/start.ts')
const KILLS = process.env.SEKISHO_FULL === '1' ? 40 : 6

let root: string
let recorder: ChildProcess

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'watch-kill-'))
  for (const name of ['data', 'run', 'agent', 'containers']) mkdirSync(join(root, name))
  writeFileSync(join(root, 'settings.json'), JSON.stringify(recorderSettings(root)))
})

afterEach(async () => {
  await end('SIGKILL')
  await rm(root, { recursive: true })
})

/** In a network namespace of its own, for its ports. */
function start(): void {
  const argv = ['--net', process.execPath, '--disable-warning=ExperimentalWarning', START]
  recorder = spawn('unshare', [...argv, join(root, 'settings.json')], {
    stdio: ['ignore', 'ignore', 'ignore'],
  })
}

async function end(signal: NodeJS.Signals): Promise<void> {
  if (recorder.exitCode !== null || recorder.signalCode !== null) return
  const exited = once(recorder, 'exit')
  recorder.kill(signal)
  await exited
}

it('loses nothing and has nothing twice', async () => {
  const delivery = new Delivery(join(root, 'run/watch.sock'), { maxBytes: 32 * 1024 * 1024 })
  const offering = new AbortController()
  let n = 0
  const offerer = (async () => {
    while (!offering.signal.aborted) {
      for (let i = 0; i < 200; i++) delivery.offer('dns', Date.now(), JSON.stringify({ n: n++ }))
      // Small frames, so that many are under way.
      delivery.flush()
      await sleep(5)
    }
  })()
  for (let kill = 0; kill < KILLS; kill++) {
    start()
    // Each run stores something, and is killed at any moment after.
    const { stored } = delivery.counts
    await expect.poll(() => delivery.counts.stored, { timeout: 30_000 }).toBeGreaterThan(stored)
    await sleep(Math.random() * 500)
    await end('SIGKILL')
  }
  offering.abort()
  await offerer
  start()
  await expect.poll(() => delivery.counts.stored, { timeout: 30_000 }).toBe(n)
  await delivery.stop()
  await end('SIGTERM')
  expect(delivery.counts).toEqual({ received: n, stored: n, dropped: 0 })
  const records = await loggedRecords<{ n: number }>(join(root, 'data'), 'dns')
  expect(records.map((record) => record.n)).toEqual(Array.from({ length: n }, (_, i) => i))
})
