import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { Host } from '../../../src/lab/host.ts'
import { type Lab, openLab } from '../../../src/lab/lab.ts'
import { baseline } from '../support/router-yaml.ts'

/* Time for the networks, and the way out of a wrong clock: signatures need the time, and the time needs names. */

let lab: Lab

beforeAll(async () => {
  lab = await openLab()
  await baseline(lab)
})

describe('time for the networks', () => {
  test.each(['laptop', 'guest1'] as const)('%s: DHCP option 42 names the router', async (name) => {
    const client = lab.host(name)
    const words = new Set((await client.execOk(['dhcpcd', '--dumplease', 'eth0'])).split('\n'))
    const router = name === 'laptop' ? '10.0.0.1' : '10.0.1.1'
    expect(words).toContain(`ntp_servers=${router}`)
  })

  test.each([
    ['laptop', '10.0.0.1'],
    ['laptop', 'fd4b:7a11:9c02:1::1'],
    ['guest1', '10.0.1.1'],
  ] as const)('%s: %s answers with its time, in step with its own source', async (name, server) => {
    // It serves "unsynchronised" until it has compared itself with the provider's clock.
    await expect
      .poll(() => sntp(lab.host(name), server), { timeout: 30_000, interval: 500 })
      .toMatchObject({ mode: 4, leap: 0, stratum: 2 })
    const { offsetSecs } = Answer.parse(await sntp(lab.host(name), server))
    expect(Math.abs(offsetSecs)).toBeLessThan(1)
  })

  test('from the WAN nobody answers', async () => {
    expect(await sntp(lab.attacker, '198.51.100.10')).toBe('nothing came')
  })

  test('chrony itself refuses whoever is not of our networks, whatever the firewall says', async () => {
    const check = async (address: string) => {
      const argv = ['docker', 'exec', 'sekisho-chrony-1', 'chronyc', 'accheck', address]
      return (await lab.router.exec(argv)).stdout.trim().split('\n').at(-1)
    }
    const [yes, no] = ['208 Access allowed', '209 Access denied']
    const wanted = {
      '10.0.0.129': yes,
      '10.0.1.129': yes,
      'fd4b:7a11:9c02:1::9': yes,
      '10.0.2.1': no,
      '198.51.100.66': no,
      '127.0.0.1': no,
      '2001:db8:0:1::66': no,
      'fd4b:7a11:9c02:9::9': no,
    }
    const seen: Record<string, string | undefined> = {}
    for (const address of Object.keys(wanted)) seen[address] = await check(address)
    expect(seen).toEqual(wanted)
  })
})

describe('a wrong clock', () => {
  afterEach(async () => {
    await lab.router.execOk(['docker', 'rm', '--force', COPY])
    await lab.router.execOk(['rm', '-f', CONF])
  })

  const COPY = 'wrong-clock'
  const CONF = '/run/wrong-clock.conf'
  const PORT = 5399

  const NTP = '2.debian.pool.ntp.org'
  const SIGNED = 'www.example.org'
  const good = { status: 'NOERROR', found: true }
  const bogus = { status: 'SERVFAIL', found: false }

  test.each([
    ['years behind, as after a dead battery', '20200101000000'],
    ['years ahead', '20450101000000'],
  ])('%s: names of time servers resolve, signed names do not', async (_, date) => {
    await startResolver((conf) => `${conf}\nserver:\n  val-override-date: "${date}"\n`)
    expect({ ntp: await ask(NTP), signed: await ask(SIGNED) }).toEqual({ ntp: good, signed: bogus })
  })

  test('it is the exception for these names that lets them resolve', async () => {
    await startResolver(
      (conf) =>
        `${conf.replaceAll(/^ *domain-insecure:.*$/gm, '')}\nserver:\n  val-override-date: "20200101000000"\n`,
    )
    expect({ ntp: await ask(NTP), signed: await ask(SIGNED) }).toEqual({ ntp: bogus, signed: bogus })
  })

  test('the right one: both resolve', async () => {
    await startResolver((conf) => conf)
    expect({ ntp: await ask(NTP), signed: await ask(SIGNED) }).toEqual({ ntp: good, signed: good })
  })

  /** Starts a second unbound on the router, in its image and with its configuration but for where it listens. */
  async function startResolver(change: (conf: string) => string): Promise<void> {
    const conf = await lab.router.execOk(['cat', '/etc/sekisho/current/modules/unbound/unbound.conf'])
    expect(conf).toMatch(/^ *domain-insecure: "2\.debian\.pool\.ntp\.org\."$/m)
    const moved = conf
      .replaceAll(/^ *interface: .*\n/gm, '')
      .replace(/^server:$/m, `server:\n  interface: 127.0.0.1@${PORT}`)
      .replace('control-enable: yes', 'control-enable: no')
    await lab.router.writeFile(CONF, change(moved))
    const image = ['docker', 'inspect', '--format', '{{.Config.Image}}', 'sekisho-unbound-1']
    const mounts = [
      [CONF, '/etc/unbound/unbound.conf'],
      ['/etc/sekisho/dns/root.key', '/etc/unbound/trust-anchor.key'],
      ['/etc/sekisho/dns/root.hints', '/etc/unbound/root.hints'],
    ]
    const run = `docker run --detach --name ${COPY} --network host --tmpfs /var/lib/unbound --entrypoint unbound`
    await lab.router.execOk([
      ...run.split(' '),
      ...mounts.flatMap(([source, target]) => ['--volume', `${source}:${target}:ro`]),
      (await lab.router.execOk(image)).trim(),
      ...'-d -p -c /etc/unbound/unbound.conf'.split(' '),
    ])
    // Of a local zone: it answers as soon as it runs, whatever its clock.
    await expect
      .poll(() => ask('gate.home.arpa'), { timeout: 10_000 })
      .toEqual({ status: 'NOERROR', found: true })
  }

  async function ask(name: string): Promise<{ status: string | undefined; found: boolean }> {
    const argv = ['dig', '@127.0.0.1', '-p', String(PORT), '+time=5', '+tries=2', name, 'A']
    const { stdout } = await lab.router.exec(argv)
    return { status: /status: (\w+)/.exec(stdout)?.[1], found: /\sIN\s+A\s+\d/.test(stdout) }
  }
})

const Answer = z.object({
  leap: z.number(),
  /** 4: a server's answer. */
  mode: z.number(),
  stratum: z.number(),
  /** The server's time minus the client's. */
  offsetSecs: z.number(),
})

const SNTP = `
import json, socket, struct, sys, time
family, _, _, _, address = socket.getaddrinfo(sys.argv[1], 123, type=socket.SOCK_DGRAM)[0]
query = socket.socket(family, socket.SOCK_DGRAM)
query.settimeout(2)
# Version 4, mode 3.
query.sendto(bytes([0x23]) + bytes(47), address)
try:
    data = query.recv(512)
except (TimeoutError, OSError):
    print(json.dumps("nothing came"))
    sys.exit()
seconds, fraction = struct.unpack("!II", data[40:48])
print(json.dumps({
    "leap": data[0] >> 6, "mode": data[0] & 7, "stratum": data[1],
    "offsetSecs": seconds - 2208988800 + fraction / 2**32 - time.time(),
}))
`

/** Asks for the time as RFC 4330 has it; 48 bytes there and 48 back. */
async function sntp(client: Host, server: string): Promise<z.output<typeof Answer> | string> {
  const said = await client.execOk(['python3', '-c', SNTP, server])
  return z.union([Answer, z.string()]).parse(JSON.parse(said))
}
