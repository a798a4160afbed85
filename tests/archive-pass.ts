import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PassMessage } from '../src/recorder/archive/messages.ts'
import { segmentFile, walDirectory } from '../src/recorder/layout.ts'
import type { KindName } from '../src/recorder/records/kinds.ts'
import type { Settings } from '../src/recorder/settings.ts'
import { encodeFrame, type FrameMeta, HEADER } from '../src/recorder/wal/frame.ts'
import { recorderSettings } from './recorder-settings.ts'

const MAIN = join(import.meta.dirname, '../src/recorder/archive/main.ts')

/** Makes a data directory with settings for the archive's process; the settings' path. */
export function makeData(data: string, settings: Partial<Settings> = {}): string {
  mkdirSync(walDirectory(data), { recursive: true })
  const path = join(data, 'settings.json')
  const all = recorderSettings(data, { data, retentionDays: 3650, maxBytes: 2 ** 40, ...settings })
  writeFileSync(path, JSON.stringify(all))
  return path
}

export interface TestFrame {
  readonly meta: FrameMeta
  readonly body: Buffer
}

/** A frame of records; a string is a line as it stands. */
export function frame(kind: KindName, records: readonly (object | string)[], at = Date.now()): TestFrame {
  const lines = records.map((record) => (typeof record === 'string' ? record : JSON.stringify(record)))
  const body = Buffer.from(`${lines.join('\n')}\n`)
  return { meta: { at, encoding: 'ndjson', kind, rows: lines.length }, body }
}

/** Writes a closed segment, with an empty newer one behind it. */
export function writeSegment(
  data: string,
  frames: readonly TestFrame[],
  tail: Buffer = Buffer.alloc(0),
): number {
  const sequence =
    Math.max(0, ...readdirSync(walDirectory(data)).map((name) => Number.parseInt(name, 10) || 0)) + 1
  const pieces = frames.flatMap(({ meta, body }) => encodeFrame(meta, body))
  writeFileSync(segmentFile(data, sequence + 1), HEADER)
  writeFileSync(segmentFile(data, sequence), Buffer.concat([HEADER, ...pieces, tail]))
  return sequence
}

export interface Pass {
  readonly child: ChildProcess
  /** The last message, and the exit code; none when it was killed. */
  readonly ended: Promise<{ readonly last: PassMessage | undefined; readonly code: number | null }>
}

/** Starts a pass as the recorder does; `enter` is a command that runs it elsewhere. */
export function startPass(settings: string, enter: readonly string[] = [], clock = 'trusted'): Pass {
  const [program = process.execPath, ...args] = [...enter, process.execPath, MAIN, settings, clock].values()
  const env = { ...process.env, MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '131072' }
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'], env })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    text += piece
  })
  const ended = new Promise<{ last: PassMessage | undefined; code: number | null }>((resolve) => {
    child.once('close', (code) => {
      const line = text.trimEnd().split('\n').at(-1)
      resolve({ last: line ? (JSON.parse(line) as PassMessage) : undefined, code })
    })
  })
  return { child, ended }
}

/** Runs a pass to its end. */
export async function runPass(settings: string, enter: readonly string[] = []): Promise<PassMessage> {
  const { last } = await startPass(settings, enter).ended
  if (!last) throw new Error('the pass said nothing')
  return last
}
