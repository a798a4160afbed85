import { z } from 'zod'
import { isKindName, type KindName } from '../recorder/records/kinds.ts'

/*
 * What the API can be asked for, as a query string has it (all texts) or as plain values. Without a time it is the last
 * day; a list has 50 rows, at most 500, and goes on from a cursor.
 */

const DAY_MS = 86_400_000
/** Dates of more digits are none in SQL. */
const LAST_MS = Date.UTC(9999, 11, 31)
const MAX_LIMIT = 500

const Ms = z.coerce.number().int().min(0).max(LAST_MS)
/** What somebody typed: nothing is the same as no text. */
const Text = z
  .string()
  .max(253)
  .transform((text) => text.trim() || undefined)
  .optional()
const Flag = z.union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')]).optional()
const Limit = z.coerce.number().int().min(1).max(MAX_LIMIT).default(50)
const Cursor = z.string().max(200).optional()

const TIME = { fromMs: Ms.optional(), toMs: Ms.optional() }
const PAGE = { limit: Limit, cursor: Cursor }

interface Times {
  readonly fromMs?: number | undefined
  readonly toMs?: number | undefined
}

/** The time that is asked for: the last day without one. */
function timed<T extends Times>({ fromMs, toMs, ...rest }: T) {
  const end = toMs ?? Math.max(Date.now(), (fromMs ?? 0) + 1)
  return { ...rest, fromMs: fromMs ?? Math.max(0, end - DAY_MS), toMs: end }
}

function isForward({ fromMs, toMs }: { readonly fromMs: number; readonly toMs: number }): boolean {
  return fromMs < toMs
}

const BACKWARDS = { error: 'fromMs is not before toMs', path: ['toMs'] }

export const SpanQuery = z.object(TIME).transform(timed).refine(isForward, BACKWARDS)
export type SpanQuery = z.output<typeof SpanQuery>

const Questions = z.object({
  ...TIME,
  ...PAGE,
  /** A domain and all below it, or with "*", or a part of a name. */
  text: Text,
  /** Who asked: a device's id or name, or an address. */
  client: Text,
  outcome: z.enum(['answered', 'nxdomain', 'failed', 'timeout']).optional(),
  /** "AAAA". */
  type: z
    .string()
    .regex(/^[A-Za-z0-9]{1,16}$/)
    .transform((type) => type.toUpperCase())
    .optional(),
  /** Asked past our resolver, or not. */
  bypass: Flag,
})

export const QuestionsQuery = Questions.transform(timed).refine(isForward, BACKWARDS)
export type QuestionsQuery = z.output<typeof QuestionsQuery>

export const NamesQuery = Questions.omit({ cursor: true }).transform(timed).refine(isForward, BACKWARDS)
export type NamesQuery = z.output<typeof NamesQuery>

export const ConnectionsQuery = z
  .object({
    ...TIME,
    ...PAGE,
    /** An address or a prefix of either end, a zone ("guest"), a port ("443", "udp 443"), or a domain or a part of one. */
    text: Text,
    /** Whose connections: a device's id or name, or an address. */
    client: Text,
    protocol: z.enum(['tcp', 'udp', 'icmp', 'icmp6']).optional(),
    /** Of the destination. */
    port: z.coerce.number().int().min(0).max(65_535).optional(),
    /** Nobody had resolved where it went, or it was resolved. */
    unresolved: Flag,
    encryptedDns: Flag,
  })
  .transform(timed)
  .refine(isForward, BACKWARDS)
export type ConnectionsQuery = z.output<typeof ConnectionsQuery>

export const SearchQuery = z
  .object({
    ...TIME,
    ...PAGE,
    text: Text,
    /** Only records of this kind. */
    kind: z.custom<KindName>((kind) => typeof kind === 'string' && isKindName(kind)).optional(),
  })
  .transform(timed)
  .refine(isForward, BACKWARDS)
export type SearchQuery = z.output<typeof SearchQuery>

/** GET /api/export/KIND: what a view lists, without its limit. */
export interface ExportQueries {
  readonly devices: SpanQuery
  readonly names: NamesQuery
  readonly questions: QuestionsQuery
  readonly connections: ConnectionsQuery
  readonly search: SearchQuery
}
export type ExportKind = keyof ExportQueries

export const EXPORTS = {
  devices: SpanQuery,
  names: NamesQuery,
  questions: QuestionsQuery,
  connections: ConnectionsQuery,
  search: SearchQuery,
} as const satisfies Readonly<Record<ExportKind, z.ZodType>>

export const ExportFormat = z.enum(['csv', 'json']).default('json')
export type ExportFormat = z.output<typeof ExportFormat>
