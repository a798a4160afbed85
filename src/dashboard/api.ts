import type { Action, ActionResult, AgentRequest, OpenConnection } from '../agent/requests/request.ts'
import type { DeviceReport } from '../recorder/ask/device.ts'
import type { TopRow } from '../recorder/ask/top.ts'
import type { KindName } from '../recorder/records/kinds.ts'

/*
 * What the dashboard's server answers, and its pages show. Times are milliseconds since 1970, bytes are of IP packets
 * and from our devices' side. Any text in here may come from the network, and is shown as text only.
 */

/** A part of the time, its end not included. */
export interface Span {
  readonly fromMs: number
  readonly toMs: number
}

/** How much there was in each of the equal parts of a time, `partMs` long, from `fromMs` on. */
export interface Series {
  readonly fromMs: number
  readonly partMs: number
  readonly values: readonly number[]
}

export type AlertKind =
  | 'wan-down'
  | 'service-unhealthy'
  | 'records-lost'
  | 'over-budget'
  | 'unconfirmed'
  | 'dns-bypass'
  | 'unresolved'
  | 'new-device'

/** Something that somebody should know; the text is made by the page, in its language. */
export interface Alert {
  readonly kind: AlertKind
  readonly timeMs?: number
  /** Of whom or what: a device, a service, an address. */
  readonly subject?: string
  readonly detail?: string
}

/** GET /api/now: the router at a glance. */
export interface NowReport {
  readonly hostname: string
  readonly timeMs: number
  readonly wan: {
    readonly ipv4: 'up' | 'down'
    readonly ipv6: 'up' | 'down'
    readonly sinceMs?: number
    readonly addresses: readonly string[]
    readonly gateways: readonly string[]
    /** The last day, bytes in each part. */
    readonly down: Series
    readonly up: Series
  }
  readonly dns: {
    /** The last hour: questions in each part, and those that failed. */
    readonly asked: Series
    readonly failed: Series
    /** Of the resolver's answers in the last hour, in microseconds. */
    readonly medianMicros?: number
    readonly p95Micros?: number
    /** From 0 to 1, since the resolver started. */
    readonly cacheHitRatio?: number
  }
  /** Who used most in the last hour. */
  readonly top: readonly TopRow[]
  readonly devices: { readonly present: number; readonly known: number }
  readonly alerts: readonly Alert[]
  /** What is new since a day ago. */
  readonly changes: {
    readonly devices: readonly DeviceRow[]
    readonly generations: readonly GenerationRow[]
    /** Names that nobody had asked for in the thirty days before. */
    readonly names: readonly string[]
  }
}

/** Of GET /api/devices. */
export interface DeviceRow {
  /** Its path: /devices/ID. The MAC address. */
  readonly id: string
  readonly name?: string
  readonly macAddress: string
  readonly randomMac: boolean
  readonly vendor?: string
  readonly network: string
  /** Those it has now. */
  readonly addresses: readonly string[]
  readonly firstSeenMs: number
  readonly lastSeenMs: number
  /** In the time that was asked for. */
  readonly down: number
  readonly up: number
  readonly questions: number
  readonly reserved: boolean
  readonly paused: boolean
}

export interface DevicesReport {
  readonly devices: readonly DeviceRow[]
}

/** GET /api/devices/ID. `report` is what `sekisho device --json` says. */
export interface DevicePage {
  readonly device: DeviceRow
  readonly report: DeviceReport
  readonly lease?: { readonly address: string; readonly expiresMs?: number; readonly reserved: boolean }
  readonly open: readonly OpenConnection[]
}

export type Outcome = 'answered' | 'nxdomain' | 'failed' | 'timeout'

/** Of GET /api/names/questions: one question, the newest first. */
export interface QuestionRow {
  readonly timeMs: number
  readonly name: string
  readonly type: string
  readonly outcome: Outcome
  readonly responseCode?: string
  readonly micros?: number
  readonly clientAddress: string
  readonly deviceId?: string
  readonly device?: string
  readonly serverAddress: string
  /** It was asked past our resolver. */
  readonly bypass: boolean
  /** A few of the answers' data. */
  readonly answers: readonly string[]
}

export interface QuestionsReport {
  readonly rows: readonly QuestionRow[]
  /** To ask for the next page with; absent at the end. */
  readonly next?: string
}

/** GET /api/names: what was asked most. */
export interface NamesReport {
  readonly asked: Series
  readonly total: number
  readonly rows: readonly {
    readonly name: string
    readonly asked: number
    readonly failed: number
    readonly devices: number
    readonly lastMs: number
  }[]
}

/** Of GET /api/connections: a connection, the newest first. */
export interface ConnectionRow {
  readonly flowId: string
  readonly startMs: number
  readonly endMs: number
  readonly protocol: string
  readonly source: string
  readonly sourcePort?: number
  readonly sourceZone?: string
  readonly destination: string
  readonly destinationPort?: number
  readonly destinationZone?: string
  /** The other side of the NAT, where it differs: "198.51.100.10:40001". */
  readonly natSource?: string
  readonly natDestination?: string
  readonly deviceId?: string
  readonly device?: string
  readonly name?: string
  /** Nobody resolved the address that it went to. */
  readonly unresolved: boolean
  readonly encryptedDns: boolean
  readonly down: number
  readonly up: number
  readonly packets: number
  readonly state?: string
}

export interface ConnectionsReport {
  readonly rows: readonly ConnectionRow[]
  readonly next?: string
}

/** GET /api/search: one box over everything. */
export interface SearchReport {
  /** Records that match, in each part of the time. */
  readonly found: Series
  readonly total: number
  readonly devices: readonly DeviceRow[]
  readonly hits: readonly SearchHit[]
  readonly next?: string
}

export interface SearchHit {
  readonly kind: KindName
  readonly timeMs: number
  /** Name, address or line that matched. */
  readonly text: string
  readonly deviceId?: string
  readonly device?: string
  /** What else there is to say of it: ports, bytes, an answer. */
  readonly detail?: string
}

/** GET /api/services. */
export interface ServicesReport {
  readonly release: string
  readonly services: readonly {
    readonly module: string
    readonly service: string
    /** As in `sekisho status`: "healthy", "starting", … */
    readonly state: string
    readonly image?: string
  }[]
  readonly jobs: readonly { readonly name: string; readonly ok: boolean; readonly lastError?: string }[]
  readonly sources: readonly {
    readonly name: string
    readonly received: number
    readonly stored: number
    readonly dropped: number
    readonly malformed: number
  }[]
}

/** Of GET /api/changes: what `sekisho generations --json` says. */
export interface GenerationRow {
  readonly number: number
  readonly timeMs: number
  readonly author?: string
  readonly summary: string
  readonly current: boolean
  readonly confirmed: boolean
}

export interface ChangesReport {
  readonly generations: readonly GenerationRow[]
}

/** GET /api/changes/A/B, and GET /api/plan: text for people, as the command prints it without colours. */
export interface TextReport {
  readonly text: string
  /** Whether there is a difference, or something to do. */
  readonly changes: boolean
}

/** GET /api/archive: what `sekisho cost --json` says of money, and what is kept. */
export interface ArchiveReport {
  readonly kinds: readonly {
    readonly kind: string
    readonly days: number
    readonly bytes: number
    readonly oldestMs?: number
    readonly rows: number
  }[]
  /** Bytes stored by day. */
  readonly daily: Series
  readonly logBytes: number
  readonly lostRows: number
  readonly bucket?: {
    readonly waitingFiles: number
    readonly droppedFiles: number
    readonly problem?: string
  }
  readonly cost?: {
    readonly currency: 'JPY'
    readonly now: number
    readonly years: readonly { readonly years: number; readonly perMonth: number; readonly bytes: number }[]
    readonly budget?: number
  }
}

/** GET /api/session: whoever asks, signed in or not. */
export interface SessionReport {
  readonly signedIn: boolean
  /** A password was set; without one nobody can sign in but with a link of `sekisho dashboard link`. */
  readonly passwordSet: boolean
  readonly hostname: string
  /** Of router.yaml: "Asia/Tokyo". */
  readonly timezone: string
}

/** Server-sent events of GET /api/live, their names and their data (JSON). */
export interface LiveEvents {
  /** Each second: bytes per second. Of a device only while it moves any. */
  readonly rates: {
    readonly timeMs: number
    readonly down: number
    readonly up: number
    readonly devices: readonly {
      readonly deviceId: string
      readonly name: string
      readonly down: number
      readonly up: number
    }[]
  }
  readonly question: QuestionRow
  readonly connection: ConnectionRow
  readonly wan: { readonly ipv4: 'up' | 'down'; readonly ipv6: 'up' | 'down' }
}

/** What goes over the socket to the host; an Action is also the body of POST /api/actions, answered by an ActionResult. */
export type { Action, ActionResult, AgentRequest, OpenConnection }

/** Any error of the API: status 400, 401, 403, 404, 409, 421, 429, 503. */
export interface ErrorReport {
  readonly error: string
  readonly fix?: string
}
