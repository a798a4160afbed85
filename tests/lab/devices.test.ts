import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Host } from '../../src/lab/host.ts'
import { type Lab, openLab } from '../../src/lab/lab.ts'
import type { DeviceOverview } from '../../src/recorder/devices/overview.ts'
import { addressesOf } from './support/addresses.ts'
import { editedYaml } from './support/edit-yaml.ts'
import { applyYaml, baseline } from './support/router-yaml.ts'

/*
 * Who is who on the networks of an installed router: real DHCP, real neighbours, an address that moves.
 */

const TABLET = '02:00:5e:60:00:07'
/** A port of the router that nobody serves: what comes there is dropped, and on record. */
const PORT = 4000 + Math.floor(Math.random() * 2000)

/** A device in a few lines, beside the laptop on its port: takes a lease, sends a word to a port, gives the lease back. */
const DEVICE = `
import random, sys
from scapy.all import ARP, BOOTP, DHCP, IP, TCP, UDP, AsyncSniffer, Ether, conf, mac2str, sendp
conf.verb = 0
what, mac, rest = sys.argv[1], sys.argv[2], sys.argv[3:]
server = "10.0.0.1"
xid = random.getrandbits(32)

def bootp(source, address, *options):
    return (Ether(src=mac, dst="ff:ff:ff:ff:ff:ff") / IP(src=source, dst="255.255.255.255") / UDP(sport=68, dport=67)
            / BOOTP(chaddr=mac2str(mac), ciaddr=address, xid=xid, flags=0x8000) / DHCP(options=[*options, "end"]))

def ask(packet, matches):
    for _ in range(5):
        sniffer = AsyncSniffer(iface="eth0", count=1, timeout=2, started_callback=lambda: sendp(packet, iface="eth0"),
                               lfilter=matches)
        sniffer.start()
        sniffer.join()
        if sniffer.results:
            return sniffer.results[0]
    sys.exit("no answer")

def answer(p):
    return BOOTP in p and p[BOOTP].op == 2 and p[BOOTP].xid == xid

if what == "lease":
    name = ("hostname", rest[0].encode())
    offer = ask(bootp("0.0.0.0", "0.0.0.0", ("message-type", "discover"), name), answer)
    ack = ask(bootp("0.0.0.0", "0.0.0.0", ("message-type", "request"), ("server_id", server),
                    ("requested_addr", offer[BOOTP].yiaddr), name), answer)
    if dict(o for o in ack[DHCP].options if len(o) == 2)["message-type"] != 5:
        sys.exit("refused")
    print(ack[BOOTP].yiaddr)
elif what == "release":
    sendp(bootp(rest[0], rest[0], ("message-type", "release"), ("server_id", server)), iface="eth0")
else:
    question = Ether(src=mac, dst="ff:ff:ff:ff:ff:ff") / ARP(hwsrc=mac, psrc=rest[0], pdst=server)
    router = ask(question, lambda p: ARP in p and p[ARP].op == 2 and p[ARP].psrc == server and p[ARP].hwdst == mac)
    sendp(Ether(src=mac, dst=router[ARP].hwsrc) / IP(src=rest[0], dst=server) / TCP(dport=int(rest[1])), iface="eth0")
`

let lab: Lab

beforeAll(async () => {
  lab = await openLab()
  await baseline(lab)
})

afterAll(async () => {
  if (!lab) return
  await baseline(lab)
  await lab.phone.exec(['dhcpcd', '-n', 'eth0'])
  // The next file finds the phone under its own name again.
  const named = async (): Promise<boolean> =>
    (await lab.laptop.execOk(['dig', '+short', 'phone.home.arpa'])) !== ''
  await vi.waitUntil(named, { timeout: 60_000, interval: 500 })
})

async function devices(...options: string[]): Promise<DeviceOverview[]> {
  return JSON.parse(await lab.router.execOk(['sekisho', 'devices', '--json', ...options])) as DeviceOverview[]
}

async function deviceOf(mac: string): Promise<DeviceOverview | undefined> {
  return (await devices()).find(({ macAddress }) => macAddress === mac)
}

async function tablet(what: string, ...rest: string[]): Promise<string> {
  return (await lab.laptop.execOk(['python3', '-c', DEVICE, what, TABLET, ...rest])).trim()
}

describe('each client', () => {
  test.each([
    ['laptop', 'home', 'br-home'],
    ['phone', 'home', 'br-home'],
    ['guest1', 'guest', 'lan1'],
  ] as const)('%s has its name, its MAC address and its addresses', async (name, network, port) => {
    const client: Host = lab[name]
    const router = await addressesOf(lab.router, port)
    const { mac, v4, ula, gua } = await addressesOf(client, 'eth0', router)
    for (const [from, to] of [
      [v4, router.v4],
      [ula, router.ula],
      [gua, router.gua],
    ] as const)
      await client.execOk(['ping', '-c', '1', '-W', '5', '-I', from, to])
    await expect
      .poll(() => deviceOf(mac), { timeout: 20_000, interval: 500 })
      .toMatchObject({
        device: name,
        network,
        randomMac: true,
        addresses: expect.arrayContaining([v4, ula, gua]) as unknown,
      })
  })

  test('the provider and the router are none', async () => {
    const networks = new Set((await devices('--all')).map(({ network }) => network))
    expect([...networks].sort()).toEqual(['guest', 'home'])
  })
})

test('an address that moves is on record as each device has it, and so is what came from it', async () => {
  const address = await tablet('lease', 'tablet')
  await tablet('speak', address, String(PORT))
  await expect
    .poll(() => deviceOf(TABLET), { timeout: 20_000, interval: 500 })
    .toMatchObject({ device: 'tablet', addresses: [address] })

  await tablet('release', address)
  const phone = await addressesOf(lab.phone)
  const reservation = { name: 'handy', mac: phone.mac, address }
  await applyYaml(
    lab,
    await editedYaml(lab, (document) => {
      document.setIn(['networks', 'home', 'dhcp', 'reservations'], [reservation])
    }),
  )
  await lab.phone.execOk(['dhcpcd', '-n', 'eth0'])
  await expect
    .poll(async () => (await addressesOf(lab.phone)).v4, { timeout: 60_000, interval: 500 })
    .toBe(address)
  await lab.phone.exec(['curl', '--max-time', '2', `http://10.0.0.1:${PORT}/`])
  await expect
    .poll(() => deviceOf(phone.mac), { timeout: 20_000, interval: 500 })
    .toMatchObject({ device: 'handy', addresses: expect.arrayContaining([address]) as unknown })
  expect((await deviceOf(TABLET))?.addresses ?? []).not.toContain(address)

  const asked = (sql: string) => lab.router.execOk(['sekisho', 'query', '--csv', sql])
  const whose = `SELECT DISTINCT device FROM drops WHERE sourceAddress = '${address}' AND destinationTransportPort = ${PORT}`
  await expect
    .poll(async () => (await asked(`${whose} ORDER BY device`)).trim().split('\n'), {
      timeout: 30_000,
      interval: 1000,
    })
    .toEqual(['device', 'handy', 'tablet'])
  const events = await asked(
    `SELECT event FROM dhcp WHERE address = '${address}' AND macAddress = '${TABLET}' ORDER BY "time"`,
  )
  expect(events.trim().split('\n')).toEqual(['event', 'assigned', 'released'])
})

test('what a client calls itself is harmless text', async () => {
  await tablet('lease', '\u001b[2J"><script>')
  await expect
    .poll(async () => (await deviceOf(TABLET))?.device, { timeout: 20_000, interval: 500 })
    .toMatch(/^[a-z0-9-]+$/)
  expect(await lab.router.execOk(['sekisho', 'devices'])).toMatch(/^[\x20-\x7e\n]+$/)
})
