/** One resource record of unbound's local data; `name` is lower case with its final dot. */
export interface LocalRecord {
  readonly name: string
  readonly ttl: number
  readonly type: string
  readonly data: string
}

/**
 * A line of `unbound-control list_local_data` ("name. TTL IN TYPE data", tabs or spaces), or undefined for an empty
 * or foreign one.
 */
export function parseLocalData(line: string): LocalRecord | undefined {
  const match = /^(\S{1,1024})\s+(\d{1,10})\s+IN\s+([A-Z0-9]{1,20})\s+(\S.*)$/.exec(line.trimEnd())
  if (match === null) return undefined
  const [, name = '', ttl, type = '', data = ''] = match
  return { name: name.toLowerCase(), ttl: Number(ttl), type, data }
}
