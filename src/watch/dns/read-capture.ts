import { CaptureProblem } from './capture.ts'
import { CaptureReader } from './capture-reader.ts'
import type { DnsCounts } from './counts.ts'
import { SinkProblem } from './event-sink.ts'
import type { Flow } from './flow.ts'
import { isKnownLinkType } from './link.ts'
import type { Message } from './message.ts'
import { DnsPackets } from './packets.ts'
import { Pairs, type Transaction } from './pairs.ts'

/** Where what was read goes to. */
export interface CaptureOutput {
  readonly timeoutMs: number
  /** Returns false when not all of the response made sense. */
  transaction(transaction: Transaction): boolean
  /** Each message by itself, after what it made of a transaction. */
  message?(message: Message, flow: Flow): void
  /** What it wants to have of a query in the end. */
  keep?(message: Message): unknown
  /** Something waits to be taken on: it is asked after each packet. */
  readonly isFull: boolean
  /** Takes on all that waits. */
  flush(): Promise<void>
}

/**
 * Reads a whole capture from chunks of it and gives transactions to `output` as they end. Throws a CaptureProblem where it
 * is no capture, is damaged or cut off, or holds nothing but link layers that are not known; what came before was given,
 * and is in `counts`.
 */
export async function readCapture(
  chunks: AsyncIterable<Buffer>,
  output: CaptureOutput,
  counts: DnsCounts,
): Promise<void> {
  const { timeoutMs } = output
  const pairs = new Pairs({
    counts,
    timeoutMs,
    over: (transaction) => {
      if (!output.transaction(transaction)) counts.malformed += 1
    },
    keep: (message) => output.keep?.(message),
  })
  const packets = new DnsPackets(counts, (message, flow) => {
    pairs.take(message, flow)
    output.message?.(message, flow)
  })
  const reader = new CaptureReader()
  const { packet } = reader
  const unknown = new Set<number>()
  let known = 0
  let problem: unknown
  try {
    for await (const chunk of chunks) {
      reader.push(chunk)
      while (reader.next()) {
        const { bytes, start, end, linkType, timeMicros, interfaceName } = packet
        pairs.expire(timeMicros)
        packets.packet(bytes, start, end, linkType, timeMicros, interfaceName)
        if (isKnownLinkType(linkType)) known += 1
        else if (unknown.size < 10) unknown.add(linkType)
        if (output.isFull) await output.flush()
      }
      await output.flush()
    }
    reader.end()
  } catch (error) {
    // Where nothing goes any more, there is no use in saying the rest.
    if (error instanceof SinkProblem) throw error
    problem = error
  }
  pairs.end()
  await output.flush()
  if (problem !== undefined) throw problem
  if (known === 0 && unknown.size > 0)
    throw new CaptureProblem(
      `the capture's link type is ${[...unknown].join(', ')}, which is not known here. Fix: capture at an interface, or with tcpdump -i any`,
    )
}
