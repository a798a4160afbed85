import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Host, Running } from '../../../src/lab/host.ts'

/*
 * What hosts do in the packet tests, through peer.py, which runs inside them.
 */

const PATH = '/root/peer.py'
const prepared = new WeakSet<Host>()

async function peer(host: Host, ...args: readonly string[]): Promise<string[]> {
  if (!prepared.has(host)) {
    await host.writeFile(PATH, await readFile(join(import.meta.dirname, 'peer.py')))
    prepared.add(host)
  }
  return ['python3', PATH, ...args]
}

export interface Ports {
  readonly tcp?: readonly number[]
  readonly udp?: readonly number[]
}

/** Servers on every address of a host, IPv4 and IPv6; they answer "you are ADDRESS …" and, over TCP, echo lines. */
export async function serve(host: Host, ports: Ports): Promise<Running> {
  const running = host.spawn(await peer(host, 'serve', JSON.stringify(ports)))
  await running.waitFor('ready')
  return running
}

export interface Call {
  readonly to: string
  readonly port: number
  readonly protocol?: 'tcp' | 'udp'
  readonly from?: string
  readonly sport?: number
  /** How long to wait for an answer, default 3000 ms. */
  readonly ms?: number
  readonly text?: string
}

const Answers = z.array(
  z.union([
    z.object({ result: z.literal('open'), said: z.string() }),
    z.object({ result: z.enum(['refused', 'unreachable', 'timeout']) }),
  ]),
)

/**
 * Calls servers, all at the same time, and tells for each what came of it: the server's words, or "refused" (reset,
 * or port unreachable), "unreachable" (administratively prohibited or no route), "timeout" (nothing came back).
 */
export async function dialAll(host: Host, calls: readonly Call[]): Promise<string[]> {
  const input = JSON.stringify(calls.map((call) => ({ ms: 3000, ...call })))
  const answers = Answers.parse(JSON.parse(await host.execOk(await peer(host, 'dial'), { input })))
  return answers.map((answer) => ('said' in answer ? answer.said : answer.result))
}

export async function dial(host: Host, to: string, port: number, call: Partial<Call> = {}): Promise<string> {
  const [answer = ''] = await dialAll(host, [{ to, port, ...call }])
  return answer
}

export interface Datagram {
  readonly to: string
  readonly port: number
  readonly sport: number
  readonly text?: string
}

/** Sends datagrams and waits for no answer. */
export async function sendDatagrams(host: Host, datagrams: readonly Datagram[]): Promise<void> {
  await host.execOk(await peer(host, 'send'), { input: JSON.stringify(datagrams) })
}

/** A packet as scapy's layers with their fields: [['IP', {src, dst}], ['UDP', {dport: 53}]]. */
export type Layers = readonly (readonly [
  layer: string,
  fields: Readonly<Record<string, string | number | readonly string[]>>,
])[]

/** Puts packets on a link as they are, to this Ethernet address; `null` when they bring their own Ether layer. */
export async function sendPackets(
  host: Host,
  mac: string | null,
  packets: readonly Layers[],
  device = 'eth0',
): Promise<void> {
  await host.execOk(await peer(host, 'frames', device, mac ?? '-'), { input: JSON.stringify(packets) })
}
