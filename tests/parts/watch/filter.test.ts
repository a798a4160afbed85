import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Cable } from './bed.ts'
import { ethernet, fragment, ipv4, ipv6, options, tcp, udp } from './frames.ts'

/* The kernel's filter and the ring, with real packets over a cable between two namespaces. */

const IPV4 = 0x0800
const IPV6 = 0x86dd
const TCP = 6
const UDP = 17
const QUERY = udp(40_000, 53)
const OTHER = udp(40_000, 54)

/** What is taken, and what is not. */
const TAKEN: Readonly<Record<string, Buffer>> = {
  'UDP to port 53': ethernet(IPV4, ipv4(UDP, QUERY)),
  'UDP from port 53': ethernet(IPV4, ipv4(UDP, udp(53, 40_000))),
  'TCP to port 53': ethernet(IPV4, ipv4(TCP, tcp(40_000, 53))),
  'TCP from port 53': ethernet(IPV4, ipv4(TCP, tcp(53, 40_000))),
  'behind IPv4 options': ethernet(IPV4, ipv4(UDP, QUERY, 40)),
  'a first fragment': ethernet(IPV4, ipv4(UDP, QUERY, 0, 0x2000)),
  'a later fragment of any UDP': ethernet(IPV4, ipv4(UDP, OTHER, 0, 0x2001)),
  'the last fragment of any UDP': ethernet(IPV4, ipv4(UDP, OTHER, 0, 0x00ff)),
  'IPv6, UDP': ethernet(IPV6, ipv6(UDP, QUERY)),
  'IPv6, TCP': ethernet(IPV6, ipv6(TCP, tcp(53, 40_000))),
  'behind hop-by-hop options': ethernet(IPV6, ipv6(0, options(UDP, QUERY))),
  'behind two kinds of options, one of them long': ethernet(
    IPV6,
    ipv6(0, options(60, options(UDP, QUERY, 3))),
  ),
  'behind more options than are walked over': ethernet(
    IPV6,
    ipv6(60, options(60, options(60, options(60, options(60, options(UDP, OTHER)))))),
  ),
  'a first fragment of IPv6': ethernet(IPV6, ipv6(44, fragment(UDP, 0, true, QUERY))),
  'a first fragment behind options': ethernet(IPV6, ipv6(0, options(44, fragment(UDP, 0, true, QUERY)))),
  'a later fragment of IPv6': ethernet(IPV6, ipv6(44, fragment(UDP, 8, false, OTHER))),
  'a VLAN': ethernet(IPV4, ipv4(UDP, QUERY), [0x8100, 7]),
  'a VLAN, IPv6': ethernet(IPV6, ipv6(TCP, tcp(40_000, 53)), [0x8100, 7]),
  'a VLAN in a VLAN': ethernet(IPV4, ipv4(UDP, QUERY), [0x88a8, 5], [0x8100, 7]),
}
const REFUSED: Readonly<Record<string, Buffer>> = {
  'another port': ethernet(IPV4, ipv4(UDP, OTHER)),
  'the port in the wrong place': ethernet(IPV4, ipv4(UDP, udp(1, 2, udp(53, 53)))),
  'TCP to another port': ethernet(IPV4, ipv4(TCP, tcp(40_000, 443))),
  ICMP: ethernet(IPV4, ipv4(1, QUERY)),
  'a first fragment of another port': ethernet(IPV4, ipv4(UDP, OTHER, 0, 0x2000)),
  'a later fragment of ICMP': ethernet(IPV4, ipv4(1, QUERY, 0, 0x0010)),
  'IPv6, another port': ethernet(IPV6, ipv6(UDP, OTHER)),
  'IPv6, no next header': ethernet(IPV6, ipv6(59, QUERY)),
  'IPv6, another port behind options': ethernet(IPV6, ipv6(0, options(UDP, OTHER))),
  'a first fragment of IPv6, another port': ethernet(IPV6, ipv6(44, fragment(UDP, 0, true, OTHER))),
  'a later fragment of ICMPv6': ethernet(IPV6, ipv6(44, fragment(58, 8, false, QUERY))),
  'another port in a VLAN': ethernet(IPV4, ipv4(UDP, OTHER), [0x8100, 7]),
  'a VLAN with a device of its own': ethernet(IPV4, ipv4(UDP, QUERY), [0x8100, 20]),
  'the same, with a priority': ethernet(IPV4, ipv4(UDP, QUERY), [0x8100, 0xe014]),
  'in such a VLAN another': ethernet(IPV4, ipv4(UDP, QUERY), [0x8100, 20], [0x8100, 7]),
  'IPv4 cut before the ports': ethernet(IPV4, ipv4(UDP, Buffer.alloc(0))),
  'no IP': ethernet(0x0806, Buffer.alloc(46, 53)),
}

let cable: Cable
beforeAll(async () => {
  cable = await Cable.open()
})
afterAll(() => cable?.close())

interface Seen {
  readonly frame: string
  readonly micros: number
  readonly outgoing: boolean
}

/** Frames that are seen at the router's device while `traffic` runs, and the ring's counts. */
async function seen(traffic: () => Promise<unknown>): Promise<{ frames: Seen[]; counts: unknown }> {
  const script = join(import.meta.dirname, 'capture.ts')
  const child = cable.spawn('router', process.execPath, [script, 'lan0', '20'])
  if (!child.stdout) throw new Error('no output')
  const lines: string[] = []
  const reader = createInterface(child.stdout).on('line', (line) => lines.push(line))
  await Promise.race([once(reader, 'line'), once(child, 'exit')])
  expect(lines).toEqual(['ready'])
  await traffic()
  child.stdin?.end()
  await once(reader, 'close')
  const [counts, ...frames] = lines.slice(1).toReversed()
  return { frames: frames.toReversed().map((line) => JSON.parse(line)), counts: JSON.parse(counts ?? '') }
}

function send(frames: readonly Buffer[]): Promise<string> {
  const script = join(import.meta.dirname, 'send.ts')
  return cable.in(
    'laptop',
    process.execPath,
    [script, 'eth0'],
    frames.map((frame) => `${frame.toString('hex')}\n`).join(''),
  )
}

describe('a frame that came in', () => {
  const all = { ...TAKEN, ...REFUSED }
  const names = Object.keys(all)
  let frames: Seen[] = []
  let counts: unknown
  beforeAll(async () => {
    // Each is known by its source address, whatever else the kernel shows of it.
    const numbered = Object.values(all).map((frame, i) => {
      const copy = Buffer.from(frame)
      copy.writeUInt16BE(i, 10)
      return copy
    })
    ;({ frames, counts } = await seen(() => send(numbered)))
  })

  const times = (name: string): number =>
    frames.filter(({ frame }) => Buffer.from(frame, 'hex').readUInt16BE(10) === names.indexOf(name)).length

  it.each(Object.keys(TAKEN))('is taken once: %s', (name) => {
    expect(times(name)).toBe(1)
  })

  it.each(Object.keys(REFUSED))('is refused: %s', (name) => {
    expect(times(name)).toBe(0)
  })

  it('is counted', () => {
    expect(counts).toEqual({ packets: Object.keys(TAKEN).length, kernelDrops: 0, truncated: 0 })
  })

  it('has the time at which it came', () => {
    expect(frames.every(({ outgoing }) => !outgoing)).toBe(true)
    for (const { micros } of frames) expect(Math.abs(micros / 1000 - Date.now())).toBeLessThan(60_000)
    expect(frames.map(({ micros }) => micros)).toEqual(frames.map(({ micros }) => micros).toSorted())
  })
})

it('sees what goes out, as such', async () => {
  const text = `
    import { createSocket } from 'node:dgram'
    const socket = createSocket('udp4')
    for (const port of [53, 54]) await new Promise((done) => socket.send('x', port, '10.0.0.2', done))
    socket.close()`
  const { frames } = await seen(() =>
    cable.in('router', process.execPath, ['--input-type=module', '-e', text]),
  )
  expect(frames.map(({ outgoing }) => outgoing)).toEqual([true])
})

it('counts what the ring has no room for', async () => {
  // 16 MB for a ring of 4 MiB that is read only each 100 ms.
  const large = ethernet(IPV4, ipv4(UDP, udp(40_000, 53, Buffer.alloc(1400, 0))))
  const count = 12_000
  const { frames, counts } = await seen(() => send(Array.from({ length: count }, () => large)))
  const { packets, kernelDrops } = counts as { packets: number; kernelDrops: number }
  expect(packets).toBe(frames.length)
  expect(packets + kernelDrops).toBe(count)
})
