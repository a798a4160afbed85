import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { z } from 'zod'
import { type Lab, openLab } from '../../../src/lab/lab.ts'
import { SERVERS, WAN } from '../../../src/lab/topology.ts'
import { addressesOf } from '../support/addresses.ts'
import { count } from '../support/counts.ts'
import { editedYaml } from '../support/edit-yaml.ts'
import { applyYaml, baseline, baselineYaml } from '../support/router-yaml.ts'
import { heardFrom, talk } from '../support/talk.ts'
import { duringTraffic, trafficTroubles } from '../support/traffic.ts'

/*
 * A provider that is silent, takes the address away, gives another, or stands there and carries nothing.
 */

const OTHER = '198.51.100.30'
const OTHER_DELEGATED = '2001:db8:200::'
const WIREGUARD = 51_820
const SIP = 5060

let lab: Lab

beforeAll(async () => {
  lab = await openLab()
  const { v4 } = await addressesOf(lab.laptop)
  const forward = `firewall: { forwards: [{ port: ${WIREGUARD}, protocol: udp, to: ${v4}, why: wireguard }] }\n`
  await applyYaml(lab, await baselineYaml(lab, forward))
})
afterAll(async () => {
  await lab.isp.setFault(undefined)
  await lab.isp.offer4()
  await lab.isp.offer6()
  // Begins anew with what the lab begins with.
  await reconnect()
  await baseline(lab)
  const home = () => lab.router.execOk(['ip', '-6', 'address', 'show', 'dev', 'br-home'])
  await vi.waitFor(async () => expect(await home()).toContain('2001:db8:100:1::1/64'), { timeout: 60_000 })
  await expectWan(
    { state: 'up', ipv4: 'up', ipv6: 'up', addresses: expect.arrayContaining([WAN.router4]) },
    60_000,
  )
})

const Wan = z.object({
  state: z.string(),
  ipv4: z.string(),
  ipv6: z.string(),
  addresses: z.array(z.string()),
})

/** What the agent says of the WAN. */
async function wan(): Promise<z.output<typeof Wan>> {
  const text = await lab.router.execOk(['cat', '/run/sekisho/agent/status.json'])
  return z.object({ wan: Wan }).parse(JSON.parse(text)).wan
}

/** Also in hooks, where expect.poll is not to be had. */
async function expectWan(wanted: Partial<z.output<typeof Wan>>, patience: number): Promise<void> {
  await vi.waitFor(async () => expect(await wan()).toMatchObject(wanted), {
    timeout: patience,
    interval: 300,
  })
}

/** The cable is out for so long that everybody has seen it. */
async function reconnect(): Promise<void> {
  await lab.unplug('isp')
  await expectWan({ state: 'no-carrier' }, 10_000)
  await lab.plug('isp')
}

async function expectPage(version: '-4' | '-6', patience: number): Promise<void> {
  const { v4, v6 } = SERVERS.www
  const url = version === '-4' ? `http://${v4}/` : `http://[${v6}]/`
  const page = async () => (await lab.laptop.exec(['curl', '-sSf', '--max-time', '2', url])).code
  await expect.poll(page, { timeout: patience, interval: 300 }).toBe(0)
}

/** What the client does at half of its lease. */
const renew = () => lab.router.execOk(['networkctl', 'renew', 'wan0'])

describe('a lease', () => {
  test('is renewed, and no connection notices', async () => {
    const report = await duringTraffic(lab, async () => {
      for (let i = 0; i < count(3, 20); i++) {
        await renew()
        await new Promise((resolve) => setTimeout(resolve, 500))
      }
    })
    expect(trafficTroubles(report, 2000)).toEqual([])
    expect((await wan()).addresses).toContain(WAN.router4)
  })

  test('is refused, and with another address every flow goes on at once', async () => {
    const call = await talk(lab.isp, SERVERS.www.v4, '', SIP)
    onTestFinished(async () => void (await call.stop()))
    const caller = await talk(lab.laptop, '0.0.0.0', SERVERS.www.v4, SIP)
    onTestFinished(async () => void (await caller.stop()))
    // A tunnel that its far end began, through the port forward, and that the host inside keeps alive.
    const inside = await talk(lab.laptop, '0.0.0.0', '', WIREGUARD)
    onTestFinished(async () => void (await inside.stop()))
    const opener = await talk(lab.isp, SERVERS.www2.v4, WAN.router4, WIREGUARD)
    await inside.waitFor(/"from"/)
    await opener.stop()
    const tunnel = await talk(lab.isp, SERVERS.www2.v4, '', WIREGUARD)
    onTestFinished(async () => void (await tunnel.stop()))
    await call.waitFor(WAN.router4)
    await tunnel.waitFor(WAN.router4)

    await lab.isp.offer4({ address: OTHER, leaseSecs: 12 })
    await renew()
    await expect.poll(() => heardFrom(call).at(-1)?.from, { timeout: 10_000, interval: 100 }).toBe(OTHER)
    await expect.poll(() => heardFrom(tunnel).at(-1)?.from, { timeout: 10_000, interval: 100 }).toBe(OTHER)
    expect(heardFrom(call).map(({ from }) => from)).toEqual([WAN.router4, OTHER])
    expect(heardFrom(call).at(-1)?.silentMs).toBeLessThan(3000)
    const said = await lab.router.execOk(['journalctl', '-u', 'sekishod', '-n', '20', '-o', 'cat'])
    expect(said).toContain(`address ${OTHER} instead of ${WAN.router4}: ended 1 stale`)
  })

  test('ends while the server is silent, IPv6 goes on, and comes back with the server', async () => {
    await lab.isp.offer4({ leaseSecs: 12 })
    await renew()
    await expectWan({ addresses: expect.arrayContaining([WAN.router4]) }, 15_000)
    await lab.isp.stopService('dhcp4')
    await expectWan({ state: 'up', ipv4: 'no-address', ipv6: 'up' }, 30_000)
    await expectPage('-6', 5000)
    const refused = await lab.laptop.exec(['curl', '-sS', '--max-time', '2', `http://${SERVERS.www.v4}/`])
    expect(refused.code).not.toBe(0)
    await lab.isp.offer4()
    await expectWan({ state: 'up', ipv4: 'up', ipv6: 'up' }, 70_000)
    await expectPage('-4', 5000)
  })
})

test('a line that flaps brings a new prefix: hosts have it, and the old one is called off', async () => {
  const before = await lab.laptop.execOk(['ip', '-6', 'address', 'show', 'dev', 'eth0'])
  expect(before).toMatch(/2001:db8:100:1:\S+ scope global (?!deprecated)/)
  await lab.isp.offer6({ delegated: OTHER_DELEGATED })
  for (let i = 0; i < count(15, 100); i++) {
    await lab.unplug('isp')
    await lab.plug('isp')
  }
  // The kernel tells of a second's worth at once: the quickest nobody sees.
  await reconnect()
  await expectWan({ state: 'up', ipv4: 'up', ipv6: 'up' }, 30_000)
  const addresses = () => lab.laptop.execOk(['ip', '-6', 'address', 'show', 'dev', 'eth0'])
  await expect
    .poll(addresses, { timeout: 30_000, interval: 500 })
    .toMatch(/2001:db8:200:\S+ scope global (?!deprecated|tentative)/)
  // RFC 9096 section 3.5.
  await expect
    .poll(addresses, { timeout: 20_000, interval: 500 })
    .toMatch(/2001:db8:100:1:\S+ scope global deprecated/)
  await expectPage('-4', 10_000)
  await expectPage('-6', 10_000)
  // One of each, however often it went: nothing piled up.
  const routes = await lab.router.execOk(['sh', '-c', 'ip route show default; ip -6 route show default'])
  expect(routes.trim().split('\n')).toHaveLength(2)
})

test('an up link that carries nothing is noticed, said, and so is its end', async () => {
  await expectWan({ state: 'up', ipv4: 'up', ipv6: 'up' }, 30_000)
  const pings = lab.laptop.spawn(['ping', '-n', '-i', '0.3', SERVERS.www.v4])
  onTestFinished(async () => void (await pings.stop()))
  await pings.waitFor(/bytes from/)
  onTestFinished(() => lab.isp.setFault(undefined))
  const faults = [
    ['line', 'no-gateway', `IPv4: ${WAN.gateway4} does not answer`],
    ['beyond', 'no-internet', `IPv4: ${WAN.gateway4} answers and nothing beyond does`],
  ] as const
  for (const [fault, state, words] of faults) {
    await lab.isp.setFault(fault)
    await expectWan({ state, ipv4: state, ipv6: state }, 45_000)
    const said = await lab.router.exec(['sekisho', 'status'])
    expect(said.stdout).toMatch(/^! +Internet/m)
    expect(said.stdout).toContain(words)
    // Inside, all is as it was.
    expect(await lab.laptop.execOk(['dig', '+short', '@10.0.0.1', 'gate.home.arpa'])).toContain('10.0.0.1')
  }
  await lab.isp.setFault(undefined)
  await expectWan({ state: 'up', ipv4: 'up', ipv6: 'up' }, 30_000)
  const logged = await lab.router.execOk(['journalctl', '-u', 'sekishod', '-n', '30', '-o', 'cat'])
  expect(logged).toContain(`${WAN.gateway4} does not answer`)
  expect(logged).toContain('nothing beyond the gateway answers')
})

if (process.env.SEKISHO_FULL) {
  test('a gateway that does not exist is found out', { timeout: 120_000 }, async () => {
    const wrong = await editedYaml(lab, (document) => {
      document.setIn(['wan'], {
        interface: 'wan0',
        mode: 'static',
        address: `${WAN.router4}/24`,
        gateway: '198.51.100.9',
        dns: [WAN.resolver4],
        ipv6: 'off',
      })
    })
    await applyYaml(lab, wrong)
    const pings = lab.laptop.spawn(['ping', '-n', '-i', '0.3', SERVERS.www.v4])
    onTestFinished(async () => void (await pings.stop()))
    await expectWan({ state: 'no-gateway', ipv4: 'no-gateway', ipv6: 'no-address' }, 45_000)
    expect((await lab.router.exec(['sekisho', 'status'])).stdout).toContain(
      'IPv4: 198.51.100.9 does not answer',
    )
    await baseline(lab)
    await expectWan({ state: 'up', ipv4: 'up', ipv6: 'up' }, 60_000)
  })

  test('a new prefix comes with a renewal, and the line never went', { timeout: 120_000 }, async () => {
    await lab.isp.offer6({ leaseSecs: 40 })
    await reconnect()
    const addresses = () => lab.laptop.execOk(['ip', '-6', 'address', 'show', 'dev', 'eth0'])
    const preferred = (prefix: string) => new RegExp(`${prefix}:\\S+ scope global (?!deprecated|tentative)`)
    await expect.poll(addresses, { timeout: 40_000, interval: 500 }).toMatch(preferred('2001:db8:100:1'))
    await lab.isp.offer6({ leaseSecs: 40, delegated: '2001:db8:300::' })
    await expect.poll(addresses, { timeout: 40_000, interval: 500 }).toMatch(preferred('2001:db8:300'))
    await expect.poll(addresses, { timeout: 15_000, interval: 500 }).not.toMatch(preferred('2001:db8:100:1'))
    await expectPage('-6', 10_000)
    await lab.isp.offer6()
  })

  test('a provider with IPv4 only is all there is to expect', { timeout: 120_000 }, async () => {
    for (const service of ['advertiser', 'dhcp6'] as const) await lab.isp.stopService(service)
    onTestFinished(async () => {
      for (const service of ['advertiser', 'dhcp6'] as const) await lab.isp.startService(service)
    })
    await reconnect()
    await expectWan({ state: 'up', ipv4: 'up', ipv6: 'no-address' }, 60_000)
    await expectPage('-4', 10_000)
    expect((await lab.router.exec(['sekisho', 'status'])).stdout).toMatch(/^ +Internet +up +IPv4 by/m)
  })

  test('a lease is renewed when nothing passes, once, and the networks inside are left alone', {
    timeout: 180_000,
  }, async () => {
    await expectWan({ state: 'up', ipv4: 'up', ipv6: 'up' }, 60_000)
    const since = `@${Math.floor(Date.now() / 1000)}`
    const inside = () =>
      lab.router.execOk(['ip', '-o', 'address', 'show', 'dev', 'br-home', 'scope', 'global'])
    const plain = (text: string) => text.replaceAll(/valid_lft.*/g, '')
    const before = plain(await inside())
    const pings = lab.laptop.spawn(['ping', '-n', '-i', '0.3', SERVERS.www.v4])
    onTestFinished(async () => void (await pings.stop()))
    await lab.isp.setFault('line')
    onTestFinished(() => lab.isp.setFault(undefined))
    await expectWan({ state: 'no-gateway' }, 45_000)
    await new Promise((resolve) => setTimeout(resolve, 60_000))
    const said = await lab.router.execOk(['journalctl', '-u', 'sekishod', '--since', since, '-o', 'cat'])
    expect(said.match(/networkctl renew wan0/g)).toHaveLength(1)
    expect(said).not.toContain('reconfigure')
    expect(plain(await inside())).toBe(before)
  })

  test('an idle WAN is never asked about, and never called dead', { timeout: 240_000 }, async () => {
    await expectWan({ state: 'up', ipv4: 'up', ipv6: 'up' }, 30_000)
    // The journal is asked by whole seconds.
    await new Promise((resolve) => setTimeout(resolve, 2000))
    const since = `@${Math.floor(Date.now() / 1000)}`
    await new Promise((resolve) => setTimeout(resolve, 180_000))
    const said = await lab.router.execOk(['journalctl', '-u', 'sekishod', '--since', since, '-o', 'cat'])
    expect(said).not.toMatch(/no-/)
  })
}
