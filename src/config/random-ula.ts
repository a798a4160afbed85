import { createHash, randomBytes } from 'node:crypto'
import { formatPrefix, prefixOf } from '../lib/ip.ts'

/** Seconds from the NTP epoch (1900) to the Unix epoch (RFC 5905 section 6). */
const NTP_OFFSET = 2_208_988_800n

/**
 * A unique local /48 by the sample algorithm of RFC 4193 section 3.2.2: the low 40 bits of SHA-1 over the time in
 * NTP format and an EUI-64 made of a port's MAC address ("02:00:5e:10:00:01"), or of a random one.
 */
export function randomUla(mac: string | undefined, now: Date): string {
  const octets = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(mac ?? '')
    ? Buffer.from((mac ?? '').replaceAll(':', ''), 'hex')
    : randomBytes(6)
  const eui64 = Buffer.concat([octets.subarray(0, 3), Buffer.from('fffe', 'hex'), octets.subarray(3)])
  eui64[0] = (eui64[0] ?? 0) ^ 2
  const millis = BigInt(now.getTime())
  const time = Buffer.alloc(8)
  // The clock gives milliseconds: random bits below them keep two routers set up at once apart.
  const fraction = ((millis % 1000n) << 32n) / 1000n + BigInt(randomBytes(2).readUInt16BE())
  time.writeBigUInt64BE(BigInt.asUintN(64, ((millis / 1000n + NTP_OFFSET) << 32n) + fraction))
  const digest = createHash('sha1').update(time).update(eui64).digest()
  const globalId = BigInt(`0x${digest.subarray(-5).toString('hex')}`)
  return formatPrefix(prefixOf({ version: 6, value: (0xfdn << 120n) | (globalId << 80n) }, 48))
}
