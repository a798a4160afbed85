/** /run/sekisho/agent/figures.json: what only the host's root can ask for, so that who shows metrics needs no rights. */
export interface Figures {
  readonly version: 1
  /** RFC 3339, UTC. */
  readonly time: string
  readonly filesystems: readonly FilesystemFigures[]
  /** unbound's counters by its own names (unbound-control(8), "statistics"); absent while it does not answer. */
  readonly resolver?: Readonly<Record<string, number>>
  /** Kea's statistics by their own names; absent while it does not answer. */
  readonly leases?: Readonly<Record<string, number>>
}

export interface FilesystemFigures {
  /** Of the device, "sda1", or the kind of a file system that has none, "overlay". */
  readonly name: string
  readonly mount: string
  readonly sizeBytes: number
  readonly usedBytes: number
  /** What programs other than root's may still write. */
  readonly availableBytes: number
}

/** Some hundred are there; more than this is not unbound or Kea. */
const MAX_FIGURES = 2000
const RESOLVER =
  /^(total\.|histogram\.|num\.answer\.(rcode\.[A-Z]+|secure|bogus)$|unwanted\.|time\.up$|mem\.cache\.(rrset|message)$)/
const LEASES = /^(pkt4-[a-z-]+|subnet\[\d+\]\.(assigned|total|declined)-addresses)$/

/** The reply to unbound's command stats_noreset: "name=value" lines, those of each thread left out. */
export function parseResolverFigures(reply: string): Record<string, number> | undefined {
  const found = reply.split('\n').flatMap((line) => {
    const [name = '', value = ''] = line.split('=')
    return RESOLVER.test(name) && value !== '' ? [[name, Number(value)] as const] : []
  })
  return figures(found)
}

/** The reply to Kea's command statistic-get-all: of each the newest sample (kea-arm, "Statistics"). */
export function parseLeaseFigures(reply: string): Record<string, number> | undefined {
  const answer = JSON.parse(reply) as { result?: unknown; arguments?: Record<string, unknown> } | null
  if (answer?.result !== 0 || typeof answer.arguments !== 'object') return undefined
  const found = Object.entries(answer.arguments).flatMap(([name, samples]) => {
    const newest: unknown = Array.isArray(samples) ? (samples[0] as unknown) : undefined
    const value: unknown = Array.isArray(newest) ? newest[0] : undefined
    return LEASES.test(name) && typeof value === 'number' ? [[name, value] as const] : []
  })
  return figures(found)
}

function figures(found: readonly (readonly [string, number])[]): Record<string, number> | undefined {
  const good = found.filter(([, value]) => Number.isFinite(value)).slice(0, MAX_FIGURES)
  return good.length === 0 ? undefined : Object.fromEntries(good)
}

export interface MountedFilesystem {
  readonly name: string
  readonly mount: string
}

/** The file systems on devices, and whatever "/" is, each once, from /proc/self/mountinfo (proc(5)). */
export function parseMounts(mountinfo: string): MountedFilesystem[] {
  const seen = new Set<string>()
  return mountinfo.split('\n').flatMap((line) => {
    const [head = '', tail = ''] = line.split(' - ')
    const [, , device = '', , mount = ''] = head.split(' ')
    const [kind = '', source = ''] = tail.split(' ')
    if ((!source.startsWith('/dev/') && mount !== '/') || seen.has(device) || mount === '') return []
    seen.add(device)
    const name = source.startsWith('/dev/') ? (source.split('/').at(-1) ?? kind) : kind
    return [{ name: unescaped(name), mount: unescaped(mount) }]
  })
}

/** Spaces, tabs, line breaks and backslashes are octal there. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}
