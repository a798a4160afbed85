import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Host } from '../../../src/lab/host.ts'

/** A frame as scapy's layers with their fields: [['Ether', {dst}], ['IP', {src, dst}], ['UDP', {dport: 53}]]. */
export type Frame = readonly (readonly [layer: string, fields: Readonly<Record<string, unknown>>])[]

export interface Sending {
  /** Ends it and says how often each frame was sent. */
  stop(): Promise<number>
}

/** Sends frames on a host's port, all of them ten times a second, until it is stopped. */
export async function sendFrames(host: Host, port: string, frames: readonly Frame[]): Promise<Sending> {
  await host.writeFile('/root/frames.py', await readFile(join(import.meta.dirname, 'frames.py')))
  await host.writeFile('/root/frames.json', JSON.stringify(frames))
  const running = host.spawn([
    'sh',
    '-c',
    'exec python3 /root/frames.py "$1" 0.1 </root/frames.json',
    'send',
    port,
  ])
  await running.waitFor('ready')
  return {
    async stop() {
      return Number(/ROUNDS (\d+)/.exec(await running.stop())?.[1] ?? 0)
    },
  }
}
