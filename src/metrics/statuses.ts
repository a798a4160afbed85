/*
 * What the router's own processes say of themselves, of the parts that are shown. Another version may have written a file:
 * what is not there, or is not as expected, is left out.
 */

export interface AgentReading {
  readonly up4: boolean
  readonly up6: boolean
  /** The provider's resolvers. */
  readonly resolvers: readonly string[]
  /** Whether each of its jobs works. */
  readonly jobs: Readonly<Record<string, boolean>>
}

export interface Counts {
  readonly received: number
  readonly stored: number
  readonly dropped: number
  readonly malformed: number
}

export interface RecorderReading {
  readonly sources: Readonly<Record<string, Counts>>
  /** What waits for its conversion, in bytes, and rows that were deleted before it. */
  readonly logBytes: number
  readonly lostRows: number
  readonly archive?: { readonly files: number; readonly bytes: number }
  readonly cost?: { readonly storedBytes: number; readonly dollars: number; readonly yen: number }
  readonly upload?: { readonly waiting: number; readonly droppedFiles: number }
}

export interface WatcherReading {
  readonly received: number
  readonly stored: number
  readonly dropped: number
  readonly kernelDrops?: number
}

/** Sources and jobs are a closed list of ours; a file that has more is not. */
const MAX_ENTRIES = 50

export function agentReading(text: string): AgentReading | undefined {
  const status = parsed(text)
  const wan = at(status, 'wan')
  if (typeof at(wan, 'ipv4') !== 'string') return undefined
  const resolvers = at(status, 'resolvers')
  return {
    up4: at(wan, 'ipv4') === 'up',
    up6: at(wan, 'ipv6') === 'up',
    resolvers: Array.isArray(resolvers) ? resolvers.filter((one) => typeof one === 'string') : [],
    jobs: Object.fromEntries(
      entries(at(status, 'jobs')).map(([name, job]) => [name, at(job, 'ok') === true]),
    ),
  }
}

export function recorderReading(text: string): RecorderReading | undefined {
  const status = parsed(text)
  const archive = at(status, 'archive')
  const [stored, cost, upload] = ['stored', 'cost', 'upload'].map((key) => at(archive, key))
  if (at(status, 'sources') === undefined) return undefined
  return {
    sources: Object.fromEntries(
      entries(at(status, 'sources')).map(([name, source]) => [
        name,
        {
          received: figure(source, 'received'),
          stored: figure(source, 'stored'),
          dropped: figure(source, 'dropped'),
          malformed: figure(source, 'malformed'),
        },
      ]),
    ),
    logBytes: figure(at(status, 'log'), 'bytes'),
    lostRows: figure(at(at(status, 'log'), 'dropped'), 'rows'),
    ...(stored !== undefined && {
      archive: { files: figure(stored, 'files'), bytes: figure(stored, 'bytes') },
    }),
    ...(cost !== undefined && {
      cost: {
        storedBytes: figure(cost, 'storedBytes'),
        dollars: figure(cost, 'dollars'),
        yen: figure(cost, 'yen'),
      },
    }),
    ...(upload !== undefined && {
      upload: {
        waiting: figure(upload, 'waiting'),
        droppedFiles: figure(at(upload, 'dropped'), 'files'),
      },
    }),
  }
}

export function watcherReading(text: string): WatcherReading | undefined {
  const status = parsed(text)
  if (at(status, 'received') === undefined) return undefined
  return {
    received: figure(status, 'received'),
    stored: figure(status, 'stored'),
    dropped: figure(status, 'dropped'),
    ...(at(status, 'kernelDrops') !== undefined && { kernelDrops: figure(status, 'kernelDrops') }),
  }
}

/** When a status was written, in milliseconds since 1970; undefined when it does not say. */
export function writtenAt(text: string): number | undefined {
  const time = at(parsed(text), 'time')
  const value = typeof time === 'string' ? Date.parse(time) : Number.NaN
  return Number.isFinite(value) ? value : undefined
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A field of what may be an object. */
function at(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined
}

function figure(value: unknown, key: string): number {
  const found = at(value, key)
  return typeof found === 'number' && Number.isFinite(found) && found >= 0 ? found : 0
}

function entries(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null ? Object.entries(value).slice(0, MAX_ENTRIES) : []
}
