import { isIP } from 'node:net'
import type { Span } from './spans.ts'

/** A MAC address or the beginning of one, of two bytes at least: a vendor's prefix. */
const MAC_PREFIX = /^[0-9a-f]{2}([:-][0-9a-f]{2}){1,5}$/i

/** Whose records these are: an address, for all time or for some. Milliseconds since 1970, `to` excluded. */
export type AddressSpan = Pick<Span, 'address' | 'from' | 'to'>

/**
 * The addresses that a client had, each with its time: by name, by MAC address or the beginning of one, or by address,
 * which then counts whoever had it. Empty when nobody is known by it.
 */
export function addressesOf(spans: readonly Span[], client: string): AddressSpan[] {
  if (isIP(client) !== 0) {
    return [{ address: client, from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY }]
  }
  return spans.filter(isClient(spans, client)).map(({ address, from, to }) => ({ address, from, to }))
}

/** The device that had an address at a time. */
export function deviceAt(spans: readonly Span[], address: string, time: number): Span | undefined {
  return spans.find((span) => span.address === address && span.from <= time && time < span.to)
}

function isClient(spans: readonly Span[], client: string): (span: Span) => boolean {
  if (MAC_PREFIX.test(client)) {
    const prefix = client.toLowerCase().replaceAll('-', ':')
    return ({ macAddress }) => macAddress.startsWith(prefix)
  }
  const name = client.toLowerCase()
  const named = ({ device }: Span): boolean => device?.toLowerCase() === name
  const macs = new Set(spans.filter(named).map(({ macAddress }) => macAddress))
  // An address that was seen before the name was known is the device's all the same.
  return (span) => named(span) || (span.device === undefined && macs.has(span.macAddress))
}
