import type { Context } from 'hono'
import { streamSSE } from 'hono/streaming'
import { log } from '../../recorder/log.ts'
import type { LiveEvent } from '../dashboard-data.ts'

/** Open pages of a household, with room; each costs a connection and a queue. */
const MAX_LISTENERS = 32
/** Of a listener that reads too slowly the oldest go. */
const MAX_WAITING = 256
/** Shorter than any timeout on the way, ours too (serve.ts). */
const HEARTBEAT_MS = 15_000

export interface LiveOptions {
  /** What happens until the signal. */
  readonly events: (signal: AbortSignal) => AsyncIterable<LiveEvent>
  readonly heartbeatMs?: number
}

/**
 * Returns what answers GET /api/live with server-sent events (HTML Living Standard, section 9.2) for as long as somebody
 * listens and may; undefined when too many do.
 */
export function liveAnswers({ events, heartbeatMs = HEARTBEAT_MS }: LiveOptions) {
  let listeners = 0
  return (c: Context, mayListen: () => Promise<boolean>): Response | undefined => {
    if (listeners >= MAX_LISTENERS) return undefined
    listeners += 1
    return streamSSE(c, async (stream) => {
      const stop = new AbortController()
      stream.onAbort(() => stop.abort())
      // Of who is gone before the first event is read, nothing else tells; a write that waits for them ends with it.
      const { signal } = c.req.raw
      if (signal.aborted) stream.abort()
      else signal.addEventListener('abort', () => stream.abort(), { once: true })
      const waiting: string[] = []
      let wake = (): void => undefined
      stop.signal.addEventListener('abort', () => wake())
      const reading = read(events(stop.signal), (event) => {
        waiting.push(`event: ${event.event}\ndata: ${JSON.stringify(event.data)}\n\n`)
        if (waiting.length > MAX_WAITING) waiting.shift()
        wake()
      })
        .catch((error: unknown) => log('live', `the live feed ended: ${String(error)}`))
        .finally(() => stop.abort())
      try {
        // A comment, so that the browser knows at once that it is connected.
        await stream.write(': \n\n')
        let beatAt = performance.now()
        // What is there when the feed ends is still told.
        while (!stop.signal.aborted || waiting.length > 0) {
          if (waiting.length === 0)
            await new Promise<void>((resolve) => {
              const timer = setTimeout(resolve, heartbeatMs)
              wake = () => {
                clearTimeout(timer)
                resolve()
              }
            })
          const beats = performance.now() - beatAt >= heartbeatMs
          if (beats) {
            beatAt = performance.now()
            if (!(await mayListen())) break
          }
          const text = waiting.splice(0).join('')
          if (text !== '' || beats) await stream.write(text === '' ? ': \n\n' : text)
        }
      } finally {
        listeners -= 1
        stop.abort()
        await reading
      }
    })
  }
}

async function read(events: AsyncIterable<LiveEvent>, take: (event: LiveEvent) => void): Promise<void> {
  for await (const event of events) take(event)
}
