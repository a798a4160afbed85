import { expect, it } from 'vitest'
import { udpDrops } from './udp-drops.ts'

const table = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  123: 00000000:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 111 2 0000000000000000 9
  456: 0100007F:158A 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 222 2 0000000000000000 41
`

it("finds the drops of the port's socket", () => {
  expect(udpDrops(5514, () => table)).toBe(41)
  expect(udpDrops(53, () => table)).toBeUndefined()
})

it('knows nothing without the table', () => {
  const unreadable = (): string => {
    throw new Error('no proc')
  }
  expect(udpDrops(5514, unreadable)).toBeUndefined()
})
