import type { Host } from '../../../src/lab/host.ts'

/** Captures on a host's port what the filter (of pcap) lets through while something happens; tcpdump's lines. */
export async function watch(
  host: Host,
  port: string,
  filter: string,
  action: () => Promise<unknown>,
  settleMs = 300,
): Promise<string[]> {
  const capture = await host.capture(port, filter)
  try {
    await action()
  } catch (error) {
    await capture.stop({ settleMs: 0 })
    throw error
  }
  return capture.stop({ settleMs })
}

/** Tries until the check holds or the time (default 10 s) is over; returns what it said last. */
export async function until<T>(
  look: () => Promise<T>,
  holds: (value: T) => boolean,
  ms = 10_000,
): Promise<T> {
  const end = Date.now() + ms
  for (;;) {
    const value = await look()
    if (holds(value) || Date.now() > end) return value
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
