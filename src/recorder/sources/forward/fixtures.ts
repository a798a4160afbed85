import { gzipSync } from 'node:zlib'
import { ExtData, encode } from '@msgpack/msgpack'

/*
 * Messages as the Forward protocol specification v1.5 describes them, made by another implementation of MessagePack.
 */

export type Entry = readonly [time: unknown, record: unknown]

export function pack(value: unknown): Buffer {
  return Buffer.from(encode(value, { useBigInt64: true }))
}

/** Fluentd's EventTime: extension type 0, seconds and nanoseconds of 32 bits. */
export function eventTime(seconds: number, nanoseconds: number): ExtData {
  const data = Buffer.alloc(8)
  data.writeUInt32BE(seconds, 0)
  data.writeUInt32BE(nanoseconds, 4)
  return new ExtData(0, data)
}

export function packEntries(entries: readonly Entry[]): Buffer {
  return Buffer.concat(entries.map(pack))
}

/** [tag, time, record, option] */
export function messageMode(tag: string, [time, record]: Entry, option?: object): Buffer {
  return pack(option === undefined ? [tag, time, record] : [tag, time, record, option])
}

/** [tag, [[time, record], …], option] */
export function forwardMode(tag: string, entries: readonly Entry[], option?: object): Buffer {
  return pack(option === undefined ? [tag, entries] : [tag, entries, option])
}

/** [tag, bin, option], as Fluentd's out_forward sends it. */
export function packedMode(tag: string, entries: readonly Entry[], option: object = {}): Buffer {
  return pack([tag, packEntries(entries), { size: entries.length, ...option }])
}

/** The same compressed: a gzip member for every append to the buffer, here for each entry. */
export function compressedMode(tag: string, entries: readonly Entry[], option: object = {}): Buffer {
  const members = Buffer.concat(entries.map((entry) => gzipSync(pack(entry))))
  return pack([tag, members, { size: entries.length, compressed: 'gzip', ...option }])
}
