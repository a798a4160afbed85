import { createReadStream } from 'node:fs'
import { Command } from 'commander'
import { QueryProblem } from '../recorder/query/problem.ts'
import { CaptureProblem } from '../watch/dns/capture.ts'
import { noCounts } from '../watch/dns/counts.ts'
import { type EventSink, LineSink, SinkProblem } from '../watch/dns/event-sink.ts'
import { GazerOutput } from '../watch/dns/gazer-output.ts'
import { NdjsonOutput } from '../watch/dns/ndjson-output.ts'
import { type CaptureOutput, readCapture } from '../watch/dns/read-capture.ts'
import { RecordOutput } from '../watch/dns/record-output.ts'

interface Options {
  readonly format: string
  readonly records?: boolean
  readonly forward?: string
  readonly timeout?: string
  readonly counts?: boolean
}

const CHUNK_BYTES = 1024 * 1024
const STDOUT = 1

/** `sekisho dns read FILE`: the DNS transactions of a capture. Exit 1 when not all of it could be read or sent. */
export function dnsRead(): Command {
  return new Command('read')
    .description('the DNS transactions of a packet capture, one JSON object a line')
    .argument('<file>', 'a pcap or pcapng capture, or - for standard input')
    .option('--format <format>', 'ndjson (records of kind dns) or dns-gazer', 'ndjson')
    .option('--records', "with --format dns-gazer: each message's questions and records too")
    .option('--forward <host:port>', "to a receiver of Fluentd's Forward protocol instead")
    .option('--timeout <secs>', 'how long a response may take (default: 5, of dns-gazer 60)')
    .option('--counts', 'at the end what became of packets and messages, as JSON on standard error')
    .action(async (file: string, options: Options) => {
      try {
        await read(file, options)
      } catch (error) {
        if (!(error instanceof Error)) throw error
        // Who reads has read enough.
        if ('code' in error && error.code === 'EPIPE') return
        process.stderr.write(`${problemText(error, file)}\n`)
        process.exitCode = 1
      }
    })
}

async function read(file: string, options: Options): Promise<void> {
  const timeoutMs = timeoutOption(options.timeout)
  const forward = options.forward === undefined ? undefined : await openForward(options.forward)
  const output = outputOf(options, forward, timeoutMs)
  const counts = noCounts()
  const chunks = file === '-' ? process.stdin : createReadStream(file, { highWaterMark: CHUNK_BYTES })
  try {
    await readCapture(chunks, output, counts)
  } finally {
    forward?.close()
    if (options.counts) process.stderr.write(`${JSON.stringify(counts)}\n`)
  }
}

function outputOf(
  { format, records }: Options,
  forward: EventSink | undefined,
  timeoutMs: number | undefined,
): CaptureOutput {
  if (format === 'dns-gazer')
    return new GazerOutput(forward ?? new LineSink(STDOUT), records === true, timeoutMs)
  if (format !== 'ndjson')
    throw new QueryProblem(`there is no format "${format}". Fix: choose ndjson or dns-gazer`)
  if (records) throw new QueryProblem('--records is for dns-gazer only. Fix: add --format dns-gazer')
  return forward ? new RecordOutput(forward, timeoutMs) : new NdjsonOutput(STDOUT, timeoutMs)
}

function timeoutOption(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const seconds = /^\d{1,4}(\.\d{1,3})?$/.test(text) ? Number(text) : 0
  if (seconds === 0)
    throw new QueryProblem(`--timeout ${text} is no time up to 9999. Fix: write seconds, like 5 or 0.5`)
  return seconds * 1000
}

async function openForward(text: string) {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:]+)):(\d{1,5})$/i.exec(text)
  const [host, port] = [match?.[1] ?? match?.[2], Number(match?.[3])]
  if (host === undefined || port < 1 || port > 65_535)
    throw new QueryProblem(
      `--forward ${text} is no host and port. Fix: write it like 127.0.0.1:24224 or [2001:db8::1]:24224`,
    )
  const { ForwardSink } = await import('../watch/dns/forward-sink.ts')
  return new ForwardSink(host, port)
}

function problemText(error: Error, file: string): string {
  const name = file === '-' ? 'standard input' : file
  if (error instanceof QueryProblem || error instanceof SinkProblem) return error.message
  if (error instanceof CaptureProblem) return `${name}: ${error.message}`
  if (!('code' in error)) throw error
  return `${name} cannot be read: ${error.message}. Fix: name a capture that is there and that you may read`
}
