import { isIPv4, isIPv6 } from 'node:net'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { decodePacket } from './packet.ts'

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(/\s/g, ''), 'hex')
}

/** 198.51.100.7 → 203.0.113.1, TTL 63, with the given protocol, flags and offset. */
function ipv4(protocol: number, rest: Buffer, fragment = 0): Buffer {
  const header = hex('45000000 0001 0000 3f00 0000 c6336407 cb007101')
  header.writeUInt16BE(20 + rest.length, 2)
  header.writeUInt16BE(fragment, 6)
  header.writeUInt8(protocol, 9)
  return Buffer.concat([header, rest])
}

function ipv6(next: number, rest: Buffer): Buffer {
  const header = hex('60000000 0000 00 40 20010db8000000000000000000000001 20010db8000100000000000000000002')
  header.writeUInt16BE(rest.length, 4)
  header.writeUInt8(next, 6)
  return Buffer.concat([header, rest])
}

const addresses4 = {
  ipVersion: 4,
  sourceAddress: '198.51.100.7',
  destinationAddress: '203.0.113.1',
  ipTTL: 63,
}
const addresses6 = {
  ipVersion: 6,
  sourceAddress: '2001:db8::1',
  destinationAddress: '2001:db8:1::2',
  ipTTL: 64,
}
const syn = hex('c350 0016 00000000 00000000 5002 ffff 0000 0000')

it('reads TCP, UDP and ICMP over IPv4', () => {
  expect(decodePacket(ipv4(6, syn))).toEqual({
    ...addresses4,
    protocolIdentifier: 6,
    sourceTransportPort: 50000,
    destinationTransportPort: 22,
    tcpControlBits: 2,
    ipTotalLength: 40,
  })
  expect(decodePacket(ipv4(17, hex('0035 c350 0008 0000')))).toEqual({
    ...addresses4,
    protocolIdentifier: 17,
    sourceTransportPort: 53,
    destinationTransportPort: 50000,
    ipTotalLength: 28,
  })
  expect(decodePacket(ipv4(1, hex('0800 0000')))).toEqual({
    ...addresses4,
    protocolIdentifier: 1,
    icmpType: 8,
    icmpCode: 0,
    ipTotalLength: 24,
  })
})

it('skips IPv4 options', () => {
  const packet = Buffer.concat([ipv4(17, Buffer.alloc(0)), hex('01010101 1234 5678 0008 0000')])
  packet.writeUInt8(0x46, 0)
  expect(decodePacket(packet)).toMatchObject({
    sourceTransportPort: 0x1234,
    destinationTransportPort: 0x5678,
  })
})

it('takes no ports from a later fragment', () => {
  expect(decodePacket(ipv4(17, hex('0035 c350'), 0x2000))).toMatchObject({
    fragmentOffset: 0,
    sourceTransportPort: 53,
  })
  const later = decodePacket(ipv4(17, hex('0035 c350'), 185))
  expect(later).toMatchObject({ fragmentOffset: 185 })
  expect(later).not.toHaveProperty('sourceTransportPort')
})

it('reads IPv6 behind extension headers', () => {
  const rest = Buffer.concat([
    hex('3c00 000000000000'),
    hex('2c00 000000000000'),
    hex('0600 0001 00000000'),
    syn,
  ])
  expect(decodePacket(ipv6(0, rest))).toEqual({
    ...addresses6,
    protocolIdentifier: 6,
    sourceTransportPort: 50000,
    destinationTransportPort: 22,
    tcpControlBits: 2,
    ipTotalLength: 40 + rest.length,
    fragmentOffset: 0,
  })
  expect(decodePacket(ipv6(58, hex('8700 0000')))).toMatchObject({ icmpType: 135, icmpCode: 0 })
  expect(decodePacket(ipv6(44, hex('1100 00a8 00000000 0035c350')))).toEqual({
    ...addresses6,
    protocolIdentifier: 17,
    ipTotalLength: 52,
    fragmentOffset: 21,
  })
})

it('leaves out what is cut off, at every length', () => {
  for (const whole of [ipv4(6, syn), ipv6(0, Buffer.concat([hex('0600 000000000000'), syn]))]) {
    const full: Record<string, unknown> = { ...decodePacket(whole) }
    for (let length = 0; length < whole.length; length++) {
      const part = decodePacket(whole.subarray(0, length))
      if (length < (whole[0] === 0x45 ? 20 : 40)) expect(part).toBeUndefined()
      for (const [key, value] of Object.entries(part ?? {})) {
        if (key !== 'protocolIdentifier') expect(value).toBe(full[key])
      }
    }
  }
})

it('never throws, and its addresses are addresses', () => {
  const first = fc.constantFrom(0x45, 0x4f, 0x40, 0x60, 0x65, 0x00)
  fc.assert(
    fc.property(first, fc.uint8Array({ maxLength: 120 }), (byte, bytes) => {
      const packet = decodePacket(Buffer.from([byte, ...bytes]))
      if (packet?.ipVersion === 4) expect(isIPv4(packet.sourceAddress ?? '')).toBe(true)
      if (packet?.ipVersion === 6) expect(isIPv6(packet.sourceAddress ?? '')).toBe(true)
    }),
    { numRuns: 2000 },
  )
})

it('writes IPv6 addresses as RFC 5952 does', () => {
  const group = fc.oneof(fc.constant(0), fc.nat({ max: 0xffff }))
  fc.assert(
    fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
      // An IPv4-mapped address is the one case in which the URL parser writes the same, and others do not.
      const packet = ipv6(59, Buffer.alloc(0))
      for (const [i, value] of groups.entries()) packet.writeUInt16BE(value, 8 + 2 * i)
      const expected = new URL(`http://[${groups.map((g) => g.toString(16)).join(':')}]`).hostname.slice(
        1,
        -1,
      )
      expect(decodePacket(packet)?.sourceAddress).toBe(expected)
    }),
  )
})
