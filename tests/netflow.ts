/*
 * Messages of NetFlow v5, v9 and IPFIX, for tests and benchmarks. A field is [element, length] or, in IPFIX,
 * [element, length, enterprise].
 */

type FieldSpec = readonly [element: number, length: number, enterprise?: number]

export const EXPORT_SECS = 1_790_000_000

/** Integers, most significant byte first: [value, bytes] each. */
export function uints(...values: readonly (readonly [value: number, bytes: number])[]): Buffer {
  return Buffer.concat(
    values.map(([value, bytes]) => {
      const buffer = Buffer.alloc(bytes)
      if (bytes > 6) buffer.writeBigUInt64BE(BigInt(value))
      else buffer.writeUIntBE(value, 0, bytes)
      return buffer
    }),
  )
}

export function ipv4(text: string): Buffer {
  return Buffer.from(text.split('.').map(Number))
}

export function set(id: number, ...body: readonly Buffer[]): Buffer {
  const bytes = Buffer.concat(body)
  return Buffer.concat([uints([id, 2], [bytes.length + 4, 2]), bytes])
}

export function fields(...list: readonly FieldSpec[]): Buffer {
  return Buffer.concat(
    list.map(([element, length, enterprise]) =>
      enterprise === undefined
        ? uints([element, 2], [length, 2])
        : uints([element + 0x8000, 2], [length, 2], [enterprise, 4]),
    ),
  )
}

/** A template record, for NetFlow v9's set 0 or IPFIX's set 2. */
export function template(id: number, ...list: readonly FieldSpec[]): Buffer {
  return Buffer.concat([uints([id, 2], [list.length, 2]), fields(...list)])
}

interface MessageOptions {
  readonly sequence?: number
  readonly domain?: number
  readonly exportSecs?: number
}

export function ipfix(sets: readonly Buffer[], options: MessageOptions = {}): Buffer {
  const { sequence = 0, domain = 1, exportSecs = EXPORT_SECS } = options
  const body = Buffer.concat(sets)
  const head = uints([10, 2], [16 + body.length, 2], [exportSecs, 4], [sequence, 4], [domain, 4])
  return Buffer.concat([head, body])
}

export function v9(
  sets: readonly Buffer[],
  options: MessageOptions & { readonly uptimeMs?: number } = {},
): Buffer {
  const { sequence = 0, domain = 1, exportSecs = EXPORT_SECS, uptimeMs = 3_600_000 } = options
  const body = Buffer.concat(sets)
  const head = uints([9, 2], [sets.length, 2], [uptimeMs, 4], [exportSecs, 4], [sequence, 4], [domain, 4])
  return Buffer.concat([head, body])
}

export interface V5Flow {
  readonly source?: string
  readonly destination?: string
  readonly packets?: number
  readonly octets?: number
  readonly first?: number
  readonly last?: number
}

export function v5(
  flows: readonly V5Flow[],
  options: MessageOptions & { readonly uptimeMs?: number; readonly sampling?: number } = {},
): Buffer {
  const { sequence = 0, domain = 0, exportSecs = EXPORT_SECS, uptimeMs = 3_600_000, sampling = 0 } = options
  const head = uints(
    [5, 2],
    [flows.length, 2],
    [uptimeMs, 4],
    [exportSecs, 4],
    [500_000_000, 4],
    [sequence, 4],
    [domain, 2],
    [sampling, 2],
  )
  return Buffer.concat([head, ...flows.map(v5Flow)])
}

function v5Flow({
  source = '192.0.2.1',
  destination = '198.51.100.1',
  packets = 1,
  octets = 40,
  first = 3_590_000,
  last = 3_599_000,
}: V5Flow): Buffer {
  return Buffer.concat([
    ipv4(source),
    ipv4(destination),
    ipv4('203.0.113.1'),
    uints([1, 2], [2, 2], [packets, 4], [octets, 4], [first, 4], [last, 4], [40_000, 2], [443, 2]),
    uints([0, 1], [0x1b, 1], [6, 1], [0, 1], [64_500, 2], [64_501, 2], [24, 1], [16, 1], [0, 2]),
  ])
}
