import { mkdir, readFile } from 'node:fs/promises'
import { constants, getPriority, setPriority } from 'node:os'
import { createInterface } from 'node:readline'
import { stateDirectory } from '../layout.ts'
import { describe, log } from '../log.ts'
import { parseSettings } from '../settings.ts'
import { type LogEnd, removeSent } from './log-reader.ts'
import { readSaved, type Saved, writeSaved } from './saved.ts'
import { Sender } from './sender.ts'

/*
 * Sends the log to the receivers of forward_to, in a process of its own: `main.ts SETTINGS.json`. The recorder
 * (supervisor.ts) writes to its stdin how much of the log is on the disk, a LogEnd a line, and reads from its stdout how
 * the receivers get on, a list of SenderStatus a line. The end of stdin is the end.
 */

const SAVE_MS = 5000
const TIDY_MS = 30_000

const [settingsPath] = process.argv.slice(2)
if (settingsPath === undefined) throw new Error('usage: main.ts SETTINGS.json')
// Only downwards: that needs no right.
setPriority(Math.max(getPriority(), constants.priority.PRIORITY_BELOW_NORMAL))
const { data, site, forwardTo } = parseSettings(await readFile(settingsPath, 'utf8'))
await mkdir(stateDirectory(data), { recursive: true, mode: 0o750 })
const saved = await readSaved(data)
const abort = new AbortController()
let end: LogEnd | undefined
let waiting: (() => void)[] = []

const senders = forwardTo.map((target) => {
  const before = saved[target.address]
  return new Sender({
    target,
    site,
    data,
    cursor: before?.cursor,
    sent: { forwarded: before?.forwarded ?? 0, lost: before?.lost ?? 0 },
    end: () => end,
    moved: () => new Promise((resolve) => waiting.push(resolve)),
    signal: abort.signal,
  })
})

function wake(): void {
  const woken = waiting
  waiting = []
  for (const resolve of woken) resolve()
}

let written = ''
async function save(): Promise<void> {
  const all: Record<string, Saved> = {}
  for (const sender of senders) {
    const { address, forwarded, lost } = sender.status()
    if (sender.cursor) all[address] = { cursor: sender.cursor, forwarded, lost }
  }
  const text = JSON.stringify(all)
  if (text === written) return
  await writeSaved(data, all)
  written = text
}

async function tidy(): Promise<void> {
  // What no cursor file says has arrived may be asked for again.
  await save()
  await removeSent(data, Math.min(...senders.map(({ cursor }) => cursor?.sequence ?? 0)))
}

function say(): void {
  process.stdout.write(`${JSON.stringify(senders.map((sender) => sender.status()))}\n`)
}

const trouble = (error: unknown): void => log('forward-to state', `forward_to: ${describe(error)}`)
setInterval(() => void save().catch(trouble), SAVE_MS)
setInterval(() => void tidy().catch(trouble), TIDY_MS)
setInterval(say, 1000)

createInterface({ input: process.stdin })
  .on('line', (line) => {
    end = JSON.parse(line) as LogEnd
    wake()
  })
  .on('close', () => {
    abort.abort()
    wake()
  })
process.stdout.on('error', () => process.exit(1))

await Promise.all(senders.map((sender) => sender.run()))
await save().catch(trouble)
say()
process.exit(0)
