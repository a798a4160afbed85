import { formatPrefix, overlaps, type Prefix, parseCidr } from '../lib/ip.ts'

// Clouds like 172.31, Docker alone takes 172.17 upwards, homes 10.0 and 192.168.0: begin where fewest look.
const CANDIDATES = [
  ...range(30, 16).map((i) => `172.${i}.0.0/16`),
  '172.31.0.0/16',
  ...range(254, 1).map((i) => `10.${i}.0.0/16`),
  ...range(240, 0, 16).map((i) => `192.168.${i}.0/20`),
]

function range(from: number, to: number, step = 1): number[] {
  return Array.from({ length: Math.floor((from - to) / step) + 1 }, (_, i) => from - i * step)
}

/** A private IPv4 prefix (RFC 1918) for Docker's networks that shares no address with `taken`; undefined if none is left. */
export function containerPool(taken: readonly Prefix[]): string | undefined {
  const free = CANDIDATES.find((candidate) => {
    const prefix = parseCidr(candidate)?.prefix
    return prefix && !taken.some((other) => overlaps(prefix, other))
  })
  const prefix = free === undefined ? undefined : parseCidr(free)?.prefix
  return prefix && formatPrefix(prefix)
}
