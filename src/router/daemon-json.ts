type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }
type JsonObject = { readonly [key: string]: Json }

/** What daemon.json was before we touched it: its text, and the values of the keys that became ours. */
export interface SavedDaemonJson {
  /** Undefined when there was no file. */
  readonly text?: string
  readonly keys: JsonObject
}

export type MergeResult<S> =
  | { readonly ok: true; readonly text: string | undefined; readonly saved: S | undefined }
  | { readonly ok: false; readonly message: string; readonly fix: string }

/**
 * Puts exactly our keys (`ours`, a JSON object, or undefined when we own nothing any more) into Docker's
 * daemon.json (`existing`, or undefined when there is none). The user's other keys stay, and what ours replaced
 * comes back when they go, to the byte if nothing else changed meanwhile.
 */
export function mergeDaemonJson(
  existing: string | undefined,
  ours: string | undefined,
  saved: SavedDaemonJson | undefined,
): MergeResult<SavedDaemonJson> {
  const live = parseObject(existing ?? '{}')
  if (live === undefined) {
    return {
      ok: false,
      message: '/etc/docker/daemon.json is not a JSON object, so our keys cannot be put into it',
      fix: 'mend it (dockerd --validate --config-file /etc/docker/daemon.json says where) or remove it',
    }
  }
  const before: SavedDaemonJson = saved ?? { ...(existing !== undefined && { text: existing }), keys: live }
  const original = parseObject(before.text ?? '{}') ?? {}
  const wanted = parseObject(ours ?? '{}') ?? {}
  // `keys` remembers every key that was ever ours; anything else in the file belongs to the user.
  const owned = new Set([...(saved ? Object.keys(saved.keys) : []), ...Object.keys(wanted)])
  const rest = Object.entries(live).filter(([key]) => !owned.has(key))
  const returned = Object.entries(original).filter(([key]) => owned.has(key) && !(key in wanted))
  const next = Object.fromEntries([...rest, ...returned, ...Object.entries(wanted)])
  if (ours === undefined) {
    if (before.text !== undefined && same(next, original))
      return { ok: true, text: before.text, saved: undefined }
    if (before.text === undefined && Object.keys(next).length === 0)
      return { ok: true, text: undefined, saved: undefined }
    return { ok: true, text: print(next), saved: undefined }
  }
  const keys = Object.fromEntries([...owned].map((key) => [key, original[key] ?? null]))
  const nextSaved = { ...(before.text !== undefined && { text: before.text }), keys }
  return {
    ok: true,
    text: existing !== undefined && same(next, live) ? existing : print(next),
    saved: nextSaved,
  }
}

function parseObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text.trim() === '' ? '{}' : text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as JsonObject)
      : undefined
  } catch {
    return undefined
  }
}

function same(a: Json, b: Json): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b))
}

function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, item]) => [key, sorted(item)] as const)
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

function print(value: JsonObject): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
