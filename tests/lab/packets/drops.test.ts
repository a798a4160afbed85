import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { type Lab, openLab } from '../../../src/lab/lab.ts'
import { ROUTER_CABLES, WAN } from '../../../src/lab/topology.ts'
import { type Addresses, addressesOf } from '../support/addresses.ts'
import { baseline } from '../support/router-yaml.ts'
import { dial, type Layers, sendDatagrams, sendPackets } from './peer.ts'
import { until } from './watch.ts'

/*
 * What the firewall refuses is recorded: the whole way from the rule to a line that a person can read.
 */

const WAN_MAC = ROUTER_CABLES[0].near.mac

const Drop = z.looseObject({
  time: z.string(),
  logPrefix: z.string(),
  ingressInterface: z.string().nullish(),
  egressInterface: z.string().nullish(),
  sourceTransportPort: z.number().nullish(),
  destinationTransportPort: z.number().nullish(),
})
type Drop = z.output<typeof Drop>

let lab: Lab
let laptop: Addresses
let guest1: Addresses
/** No other packet of this run has these ports. */
let port = 30_000 + Math.floor(Math.random() * 20_000)

beforeAll(async () => {
  lab = await openLab()
  await baseline(lab)
  laptop = await addressesOf(lab.laptop)
  guest1 = await addressesOf(lab.guest1)
})
afterAll(async () => {
  if (lab !== undefined) await baseline(lab)
})

/** The records of packets to this port, once there is one; the recorder syncs each second. */
function records(destination: number, ms = 8000): Promise<Drop[]> {
  return until(
    async () => {
      const logs = await lab.router.execOk(['sekisho', 'logs', 'drops', '--since', '5m', '--json'])
      const lines = logs.split('\n').filter((line) => line !== '')
      return lines
        .map((line) => Drop.parse(JSON.parse(line)))
        .filter((drop) => drop.destinationTransportPort === destination)
    },
    (found) => found.length > 0,
    ms,
  )
}

function nextPort(): number {
  port += 1
  return port
}

test('a datagram from the WAN', async () => {
  const to = nextPort()
  const before = Date.now()
  await sendDatagrams(lab.attacker, [{ to: WAN.router4, port: to, sport: 40_123, text: 'knock' }])
  const [drop, ...more] = await records(to)
  expect(more).toEqual([])
  expect(drop).toMatchObject({
    logPrefix: 'sekisho:drop:input:wan',
    ingressInterface: 'wan0',
    sourceMacAddress: '02:00:5e:50:00:01',
    ipVersion: 4,
    sourceAddress: WAN.attacker4,
    destinationAddress: WAN.router4,
    protocolIdentifier: 17,
    sourceTransportPort: 40_123,
    destinationTransportPort: to,
    ipTotalLength: 20 + 8 + 'knock'.length,
    ipTTL: 64,
  })
  expect(drop?.egressInterface ?? undefined).toBeUndefined()
  expect(Math.abs(Date.parse(drop?.time ?? '') - before)).toBeLessThan(5000)
  expect(drop?.time).toMatch(/Z$/)
})

test('a connection from the WAN to a host inside, over IPv6', async () => {
  const to = nextPort()
  expect(await dial(lab.attacker, laptop.gua, to, { ms: 500 })).toBe('timeout')
  expect((await records(to))[0]).toMatchObject({
    logPrefix: 'sekisho:drop:forward:wan',
    ingressInterface: 'wan0',
    egressInterface: 'br-home',
    ipVersion: 6,
    sourceAddress: WAN.attacker6,
    destinationAddress: laptop.gua,
    protocolIdentifier: 6,
    destinationTransportPort: to,
    tcpControlBits: 2,
  })
})

test('a connection from guest into home', async () => {
  const to = nextPort()
  expect(await dial(lab.guest1, laptop.v4, to)).toBe('refused')
  expect((await records(to))[0]).toMatchObject({
    logPrefix: 'sekisho:drop:forward:guest',
    ingressInterface: 'lan1',
    egressInterface: 'br-home',
    sourceAddress: guest1.v4,
    destinationAddress: laptop.v4,
    protocolIdentifier: 6,
    ipTTL: 63,
  })
})

test('a spoofed source', async () => {
  const to = nextPort()
  const packet: Layers = [
    ['IP', { src: '10.0.0.77', dst: WAN.router4 }],
    ['UDP', { sport: 7, dport: to }],
  ]
  await sendPackets(lab.attacker, WAN_MAC, [packet])
  expect((await records(to))[0]).toMatchObject({
    logPrefix: 'sekisho:drop:source:wan',
    ingressInterface: 'wan0',
    sourceAddress: '10.0.0.77',
    destinationAddress: WAN.router4,
  })
})

test('a packet of no flow', async () => {
  const to = nextPort()
  const mac = JSON.parse(await lab.router.execOk(['ip', '-j', 'link', 'show', 'br-home']))[0].address
  const packet: Layers = [
    ['IP', { src: laptop.v4, dst: '203.0.113.80' }],
    ['TCP', { sport: 7, dport: to, flags: 'R' }],
  ]
  await sendPackets(lab.laptop, mac, [packet])
  expect((await records(to))[0]).toMatchObject({
    logPrefix: 'sekisho:drop:invalid',
    ingressInterface: 'br-home',
    egressInterface: 'wan0',
    tcpControlBits: 4,
  })
})

test('what is let through is not recorded, and a flood is recorded in part', async () => {
  const through = nextPort()
  await sendDatagrams(lab.laptop, [{ to: '203.0.113.80', port: through, sport: 40_124 }])
  const flood = nextPort()
  const knocks = Array.from({ length: 500 }, () => ({ to: WAN.router4, port: flood, sport: 40_125 }))
  await sendDatagrams(lab.attacker, knocks)
  // The last to come is recorded behind the others.
  await new Promise((resolve) => setTimeout(resolve, 3000))
  const last = nextPort()
  await sendDatagrams(lab.attacker, [{ to: WAN.router4, port: last, sport: 40_126 }])
  expect(await records(last)).toHaveLength(1)
  const kept = (await records(flood)).length
  expect(kept).toBeGreaterThanOrEqual(10)
  expect(kept).toBeLessThanOrEqual(60)
  expect(await records(through, 0)).toEqual([])
})
