import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ipv4Text, ipv6Text } from './address.ts'

it('writes IPv4', () => {
  expect(ipv4Text(Buffer.from([9, 192, 0, 2, 255, 9]), 1)).toBe('192.0.2.255')
})

it.each([
  '::',
  '::1',
  '1::',
  '2001:db8::1',
  '2001:db8:0:1::',
  '1:0:0:2::3',
  '1::2:0:0:3:4',
  '0:1:2:3:4:5:6:7',
  'fe80::1:0',
])('writes %s', (text) => {
  expect(ipv6Text(bytesOf(text), 0)).toBe(text)
})

it('writes IPv6 as the URL standard does, which is RFC 5952', () => {
  const group = fc.oneof(fc.constant(0), fc.nat({ max: 0xffff }))
  fc.assert(
    fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
      const host = new URL(`http://[${groups.map((value) => value.toString(16)).join(':')}]/`).hostname
      const bytes = Buffer.alloc(16)
      groups.forEach((value, i) => {
        bytes.writeUInt16BE(value, i * 2)
      })
      expect(`[${ipv6Text(bytes, 0)}]`).toBe(host)
    }),
  )
})

function bytesOf(text: string): Buffer {
  const [left = '', right = ''] = text.split('::')
  const parts = (side: string): string[] => (side === '' ? [] : side.split(':'))
  const zeros = Array.from({ length: 8 - parts(left).length - parts(right).length }, () => '0')
  const bytes = Buffer.alloc(16)
  ;[...parts(left), ...zeros, ...parts(right)].forEach((group, i) => {
    bytes.writeUInt16BE(Number.parseInt(group, 16), i * 2)
  })
  return bytes
}
