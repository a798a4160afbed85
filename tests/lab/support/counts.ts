/** How often a test does a thing again: few times by default, many with `sekisho test --full`. */
export function count(small: number, full: number): number {
  return process.env.SEKISHO_FULL ? full : small
}
