import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { Host } from '../../../src/lab/host.ts'
import { type Lab, openLab } from '../../../src/lab/lab.ts'
import { editedYaml } from '../support/edit-yaml.ts'
import { applyYaml, baseline, SERVICES } from '../support/router-yaml.ts'

/*
 * The router machine boots again and again, each time with something missing. A restart gives it a new network
 * namespace: nothing of the boot before is left there.
 */

let lab: Lab

beforeAll(async () => {
  lab = await openLab()
  await baseline(lab)
})
afterAll(() => baseline(lab))

const sh = (script: string) => lab.router.execOk(['sh', '-c', script])

async function expectHealthy(): Promise<void> {
  const format = '{{.Names}} {{.Status}}'
  await expect
    .poll(
      async () => {
        const lines = (await lab.router.exec(['docker', 'ps', '--format', format])).stdout.trim().split('\n')
        return lines.map((line) => line.replace(/ Up .*\((.*)\)$/, ' $1')).sort()
      },
      { timeout: 90_000, interval: 500 },
    )
    .toEqual(SERVICES.map((name) => `sekisho-${name}-1 healthy`))
}

const page = (url = 'http://www.example.org/') =>
  lab.laptop.exec(['curl', '-sSf', '--max-time', '3', url], { timeout: 10_000 })

async function expectPage(patience: number, url?: string): Promise<void> {
  await expect.poll(async () => (await page(url)).code, { timeout: patience, interval: 300 }).toBe(0)
}

/** Microseconds after the boot at which a unit began and was up. */
async function timesOf(unit: string): Promise<{ begun: number; up: number }> {
  const keys = ['InactiveExitTimestampMonotonic', 'ActiveEnterTimestampMonotonic']
  const said = await lab.router.execOk(['systemctl', 'show', ...keys.map((key) => `--property=${key}`), unit])
  const value = (key: string) => Number(new RegExp(`^${key}=(\\d+)$`, 'm').exec(said)?.[1] ?? Number.NaN)
  return { begun: value(keys[0] ?? ''), up: value(keys[1] ?? '') }
}

describe('a reboot', () => {
  test('brings everything back, and systemd is content', async () => {
    expect(await lab.restartRouter({ how: 'reboot' })).toBe('running')
    await expectHealthy()
    await expectPage(30_000)
    expect(await lab.router.exec(['sekisho', 'plan'])).toMatchObject({ code: 0 })
    expect((await sh('systemctl is-system-running')).trim()).toBe('running')
  })

  test('loaded the firewall before any link, and let packets pass after it only', async () => {
    const [firewall, networkd, docker] = await Promise.all(
      ['sekisho-firewall', 'systemd-networkd', 'docker'].map((name) => timesOf(`${name}.service`)),
    )
    expect(firewall?.up).toBeGreaterThan(0)
    expect(networkd?.begun).toBeGreaterThan(firewall?.up ?? 0)
    expect(docker?.begun).toBeGreaterThan(firewall?.up ?? 0)
    // Nothing else switches forwarding on: neither sysctl.d nor Docker.
    const settings = await sh('cat /etc/sysctl.conf /etc/sysctl.d/* /usr/lib/sysctl.d/* 2>/dev/null || :')
    expect(settings).not.toMatch(/^[^#;]*(ip_forward|conf.all.forwarding)/m)
    expect(
      (await sh('cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding')).trim(),
    ).toBe('1\n1')
  })
})

describe('a boot after a power cut', () => {
  test('with no LAN cable: plugged in later, a lease and answers come within 10 seconds', async () => {
    for (const name of ['laptop', 'phone', 'guest1'] as const) await lab.unplug(name)
    onTestFinished(async () => {
      for (const name of ['laptop', 'phone', 'guest1'] as const) await lab.plug(name)
    })
    expect(await lab.restartRouter({ how: 'power-cut' })).toBe('running')
    await expectHealthy()
    expect(await sh('ip -o -4 address show dev br-home')).toContain('10.0.0.1/24')

    const start = performance.now()
    await lab.plug('laptop')
    await expect
      .poll(() => lab.laptop.execOk(['ip', '-o', '-4', 'address', 'show', 'dev', 'eth0']), {
        timeout: 10_000,
        interval: 100,
      })
      .toContain(' 10.0.0.')
    await expect
      .poll(() => lab.laptop.exec(['dig', '+short', '+time=1', '+tries=1', 'gate.home.arpa', 'A']), {
        timeout: 10_000,
        interval: 100,
      })
      .toMatchObject({ code: 0, stdout: expect.stringContaining('10.0.0.1') })
    expect(performance.now() - start).toBeLessThan(10_000)

    await lab.plug('guest1')
    await expect
      .poll(() => lab.guest1.execOk(['ip', '-o', '-4', 'address', 'show', 'dev', 'eth0']), {
        timeout: 10_000,
      })
      .toContain(' 10.0.1.')
  })

  test('with no WAN cable: it boots as fast, gives leases and answers names of its own', async () => {
    await lab.unplug('isp')
    onTestFinished(() => lab.plug('isp'))
    const start = performance.now()
    expect(await lab.restartRouter({ how: 'power-cut' })).toBe('running')
    // systemd's own patience with a network that is not online is two minutes.
    expect(performance.now() - start).toBeLessThan(60_000)
    await expectHealthy()
    await lab.renew('laptop')
    await expect
      .poll(() => lab.laptop.exec(['dig', '+short', '+time=1', '+tries=1', 'gate.home.arpa', 'A']), {
        timeout: 20_000,
      })
      .toMatchObject({ code: 0, stdout: expect.stringContaining('10.0.0.1') })
    await expect
      .poll(() => lab.laptop.execOk(['dig', '+short', '+time=1', 'phone.home.arpa']), { timeout: 30_000 })
      .toMatch(/^10\.0\.0\.\d+\n$/)

    await lab.plug('isp')
    await expectPage(45_000)
    await expectPage(45_000, 'http://[2001:db8:80::80]/')
  })

  test('with Docker disabled: it forwards and filters without', async () => {
    await sh('systemctl disable docker.service docker.socket')
    onTestFinished(async () => {
      await lab.laptop.exec(['ip', 'address', 'delete', '10.0.0.99/24', 'dev', 'eth0'])
      await lab.laptop.exec(['ip', 'route', 'delete', '203.0.113.0/24'])
      await baseline(lab)
      await expectHealthy()
    })
    await lab.restartRouter({ how: 'power-cut' })
    expect((await lab.router.exec(['systemctl', 'is-active', 'docker.service'])).stdout.trim()).toBe(
      'inactive',
    )
    // Nobody gives leases now.
    await lab.laptop.execOk(['ip', 'address', 'replace', '10.0.0.99/24', 'dev', 'eth0'])
    await lab.laptop.execOk(['ip', 'route', 'replace', '203.0.113.0/24', 'via', '10.0.0.1'])
    await expectPage(30_000, 'http://203.0.113.80/')
    const guest = await lab.guest1.exec(['ping', '-c1', '-W1', '10.0.0.99'])
    expect(guest.code).not.toBe(0)

    const planned = await lab.router.exec(['sekisho', 'plan'])
    expect(planned).toMatchObject({ code: 2, stdout: expect.stringContaining('enables docker.service') })
    await baseline(lab)
    expect((await sh('systemctl is-enabled docker.service')).trim()).toBe('enabled')
  })

  test('in the middle of an apply: it comes up with the generation that was confirmed', async () => {
    await baseline(lab)
    const confirmed = (await sh('readlink /etc/sekisho/confirmed')).trim()
    const text = await editedYaml(lab, (document) => {
      document.set('hostname', 'other')
      document.set('firewall', { forwards: [{ port: 8443, to: '10.0.0.7' }] })
      document.setIn(['networks', 'guest', 'address'], '10.0.9.1/24')
      document.setIn(['networks', 'guest', 'dhcp', 'pools'], ['10.0.9.129 - 10.0.9.254'])
      document.setIn(['networks', 'home', 'interfaces'], ['lan0'])
    })
    await lab.writeRouterYaml(text)
    const apply = lab.router.spawn(['sekisho', 'apply'])
    await apply.waitFor(/checks the Compose project[\s\S]*containers: /)
    await lab.router.powerOff()
    await apply.stop()

    expect(await lab.restartRouter({ how: 'power-cut' })).toBe('running')
    expect((await sh('readlink /etc/sekisho/current')).trim()).toBe(confirmed)
    expect((await sh('hostname')).trim()).toBe('gate')
    expect(await sh('nft list table inet sekisho')).not.toContain('8443')
    expect(await sh('ip -o -4 address show dev lan1')).toContain('10.0.1.1/24')
    expect(await sh('ip -o link show dev lan2')).toContain('master br-home')
    expect(await sh('journalctl --unit sekisho-boot --boot --output cat --no-pager')).toContain(
      `going back from generations/`,
    )
    await expectHealthy()
    await expectPage(30_000)

    // The same file can be applied now.
    expect(await applyYaml(lab, text)).toContain('is in use and confirmed')
    await baseline(lab)
    expect(await lab.router.exec(['sekisho', 'plan'])).toMatchObject({ code: 0 })
  })

  test('with a firewall that does not load: nothing is forwarded, and SSH from inside still comes in', async () => {
    await sh('cp -a /etc/sekisho/current/sekisho.nft /root/sekisho.nft')
    await sh('echo "table inet sekisho { chain broken" >>/etc/sekisho/current/sekisho.nft')
    onTestFinished(async () => {
      await baseline(lab)
      await sh('rm /root/sekisho.nft && systemctl reset-failed')
      await expectPage(30_000)
    })
    expect(await lab.restartRouter({ how: 'power-cut' })).toBe('degraded')
    expect((await sh('cat /proc/sys/net/ipv4/ip_forward')).trim()).toBe('0')
    expect((await sh('cat /proc/sys/net/ipv6/conf/all/forwarding')).trim()).toBe('0')
    // Docker neither switched it on nor drops by default because it was off.
    expect(await sh('iptables -S FORWARD')).toContain('-P FORWARD ACCEPT')
    await expectHealthy()
    await lab.renew('laptop')
    expect((await page('http://203.0.113.80/')).code).not.toBe(0)
    const banner = async (client: Host, address: string) =>
      (await client.exec(['nc', '-w', '3', address, '22'], { input: '' })).stdout
    await expect
      .poll(() => banner(lab.laptop, '10.0.0.1'), { timeout: 30_000, interval: 500 })
      .toContain('SSH-')
    expect(await banner(lab.attacker, '198.51.100.10')).toBe('')

    // An apply of the file that is there mends it.
    expect(await lab.router.exec(['sekisho', 'plan'])).toMatchObject({ code: 2 })
    await baseline(lab)
    expect((await sh('cat /proc/sys/net/ipv4/ip_forward')).trim()).toBe('1')
    await expectPage(30_000)
  })
})
