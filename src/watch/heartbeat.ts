/** A sign of life that a child writes to its standard output each second, a line of JSON. */
export interface Heartbeat {
  /** What it has taken, and the gaps in that, since it started. */
  readonly events: number
  readonly gaps: number
  /** For how long it has not read what the kernel has for it, in milliseconds. */
  readonly undrainedMs: number
}

const MAX_LINE = 4096

/** Gives the heartbeats among the lines of a stream, which may come in any pieces; other lines are passed over. */
export function heartbeats(take: (heartbeat: Heartbeat) => void): (piece: string) => void {
  let rest = ''
  return (piece) => {
    const lines = (rest + piece).split('\n')
    rest = (lines.pop() ?? '').slice(0, MAX_LINE)
    for (const line of lines) {
      const heartbeat = parse(line)
      if (heartbeat) take(heartbeat)
    }
  }
}

/** The line for a heartbeat. */
export function heartbeatLine(events: number, gaps: number, undrainedMs = 0): string {
  return `${JSON.stringify({ heartbeat: true, events, gaps, undrainedMs })}\n`
}

function parse(line: string): Heartbeat | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { heartbeat, events, gaps, undrainedMs = 0 } = value as Record<string, unknown>
  if (heartbeat !== true || !isFigure(events) || !isFigure(gaps) || !isFigure(undrainedMs)) return undefined
  return { events, gaps, undrainedMs }
}

function isFigure(value: unknown): value is number {
  return typeof value === 'number' && value >= 0
}
