/** What we send: a part of MessagePack. */
export type Value = string | boolean | readonly Value[] | { readonly [key: string]: Value }

/** Encodes a small message, e.g. {ack: "…"}; arrays and maps of up to 15 values. */
export function encode(value: Value): Buffer {
  const parts: Buffer[] = []
  put(value, parts)
  return Buffer.concat(parts)
}

function put(value: Value, parts: Buffer[]): void {
  if (typeof value === 'boolean') parts.push(Buffer.from([value ? 0xc3 : 0xc2]))
  else if (typeof value === 'string') putText(value, parts)
  else if (isList(value)) {
    parts.push(Buffer.from([0x90 | few(value.length)]))
    for (const item of value) put(item, parts)
  } else {
    const entries = Object.entries(value)
    parts.push(Buffer.from([0x80 | few(entries.length)]))
    for (const [key, item] of entries) {
      putText(key, parts)
      put(item, parts)
    }
  }
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value)
}

function putText(text: string, parts: Buffer[]): void {
  const bytes = Buffer.from(text)
  const { length } = bytes
  if (length > 0xffff) throw new Error(`a text of ${length} bytes is too long`)
  if (length < 32) parts.push(Buffer.from([0xa0 | length]))
  else if (length < 256) parts.push(Buffer.from([0xd9, length]))
  else parts.push(Buffer.from([0xda, length >> 8, length & 0xff]))
  parts.push(bytes)
}

function few(count: number): number {
  if (count > 15) throw new Error(`${count} values are too many`)
  return count
}
