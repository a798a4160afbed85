import { beforeAll, describe, expect, test } from 'vitest'
import type { Host } from '../../src/lab/host.ts'
import { type Lab, openLab } from '../../src/lab/lab.ts'
import { leaseAs } from './support/lease-as.ts'

/*
 * The host agent against the real unbound and kea of an installed router, with a real DHCP client that says
 * whatever it is told to.
 */

const CLIENT_MAC = '02:00:5e:60:00:01'
const RIVAL_MAC = '02:00:5e:60:00:02'

let lab: Lab

async function dig(host: Host, ...question: string[]): Promise<string> {
  const { stdout } = await host.exec(['dig', '+short', '+time=1', '+tries=1', ...question])
  // unbound rotates the addresses of a name.
  return stdout.trim().split('\n').sort().join(' ')
}

const lease = (mac: string, hostname: string | Uint8Array) => leaseAs(lab.laptop, mac, hostname)

/** The names in unbound that came from leases. */
async function leaseNames(): Promise<string[]> {
  const list = await lab.router.execOk([
    'docker',
    'exec',
    'sekisho-unbound-1',
    'unbound-control',
    '-c',
    '/etc/unbound/unbound.conf',
    'list_local_data',
  ])
  const names = list
    .split('\n')
    .flatMap((line) => /^(\S+)\.home\.arpa\.\s+60\s+IN\s+A\s/.exec(line)?.[1] ?? [])
  return names.sort()
}

beforeAll(async () => {
  lab = await openLab()
})

describe('names of leases', () => {
  test('a new lease has its name within seconds, both ways', async () => {
    const address = await lease(CLIENT_MAC, 'camera')
    await expect
      .poll(() => dig(lab.laptop, 'camera.home.arpa'), { timeout: 3000, interval: 100 })
      .toBe(address)
    expect(await dig(lab.laptop, '-x', address)).toBe('camera.home.arpa.')
  })

  test('a client that renames itself loses the old name', async () => {
    const address = await lease(CLIENT_MAC, 'webcam')
    await expect.poll(() => dig(lab.laptop, 'webcam.home.arpa'), { timeout: 3000 }).toBe(address)
    expect(await dig(lab.laptop, '-x', address)).toBe('webcam.home.arpa.')
    // Straight from the resolver: the laptop may remember an answer for its time to live.
    expect(await leaseNames()).not.toContain('camera')
  })

  test('names that belong to somebody, or to nobody, are not given', async () => {
    const router = (await lab.router.execOk(['hostname'])).trim()
    const phone = await dig(lab.laptop, 'phone.home.arpa')
    expect(phone).not.toBe('')
    const hostile = [
      router,
      'phone',
      'wpad',
      'WPAD.home.arpa',
      'localhost',
      'isatap',
      '12345',
      new Uint8Array(255).fill(0x61),
      new Uint8Array([0xff, 0xfe, 0x00]),
    ]
    const before = (await leaseNames()).filter((name) => name !== 'webcam')
    const routerAddress = await dig(lab.laptop, `${router}.home.arpa`)
    for (const name of hostile) {
      await lease(RIVAL_MAC, name)
      await new Promise((resolve) => setTimeout(resolve, 1500))
      const now = (await leaseNames()).filter((label) => label !== 'webcam')
      expect(now, JSON.stringify(name)).toEqual(before)
    }
    expect(await dig(lab.laptop, 'phone.home.arpa')).toBe(phone)
    expect(await dig(lab.laptop, `${router}.home.arpa`)).toBe(routerAddress)
  })

  test('bytes meant for a shell, a resolver or a page become a harmless label or nothing', async () => {
    const sent = [
      '$(reboot)',
      'a\nb.home.arpa. 60 IN A 10.0.0.1',
      '"; stop',
      '<script>',
      'x\u0004\nUBCT1 stop',
      'é',
    ]
    for (const name of sent) {
      await lease(RIVAL_MAC, name)
      await new Promise((resolve) => setTimeout(resolve, 1000))
      for (const label of await leaseNames()) expect(label).toMatch(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/)
    }
    expect((await lab.router.execOk(['systemctl', 'is-active', 'sekishod'])).trim()).toBe('active')
  })

  test('names come back after unbound, kea and the agent were killed', async () => {
    const address = await lease(CLIENT_MAC, 'camera')
    await expect.poll(() => dig(lab.laptop, 'camera.home.arpa'), { timeout: 3000 }).toBe(address)
    await lab.router.execOk(['systemctl', 'kill', '-s', 'KILL', 'sekishod'])
    for (const service of ['unbound', 'kea']) {
      await lab.router.execOk(['docker', 'restart', '-t', '0', `sekisho-${service}-1`])
    }
    await expect
      .poll(() => dig(lab.laptop, 'camera.home.arpa'), { timeout: 30_000, interval: 500 })
      .toBe(address)
  })

  test('the agent is small and idle', async () => {
    const mainPid = async () =>
      (await lab.router.execOk(['systemctl', 'show', '-P', 'MainPID', 'sekishod'])).trim()
    // The test before killed it.
    await expect.poll(mainPid, { timeout: 15_000, interval: 500 }).not.toBe('0')
    await new Promise((resolve) => setTimeout(resolve, 5000))
    const pid = await mainPid()
    const ticks = async () => {
      const fields = (await lab.router.execOk(['cat', `/proc/${pid}/stat`])).split(') ')[1]?.split(' ') ?? []
      return Number(fields[11]) + Number(fields[12])
    }
    const before = await ticks()
    await new Promise((resolve) => setTimeout(resolve, 10_000))
    // 100 ticks a second: one percent of a core.
    expect((await ticks()) - before).toBeLessThanOrEqual(10)
    const status = await lab.router.execOk(['cat', `/proc/${pid}/status`])
    expect(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1])).toBeLessThan(60_000)
  })
})

describe('IPv6 and resolv.conf', () => {
  const defaultVia = async () => lab.laptop.execOk(['ip', '-6', 'route', 'show', 'default'])

  test('hosts have a default route while the router has one, and no longer', async () => {
    await expect.poll(defaultVia, { timeout: 20_000, interval: 500 }).toContain('default via fe80:')
    await lab.unplug('isp')
    try {
      await expect.poll(defaultVia, { timeout: 30_000, interval: 500 }).toBe('')
    } finally {
      await lab.plug('isp')
    }
    await expect.poll(defaultVia, { timeout: 60_000, interval: 500 }).toContain('default via fe80:')
  })

  test('the router asks its own resolver first, then the provider’s', async () => {
    await expect
      .poll(() => lab.router.execOk(['cat', '/etc/resolv.conf']), { timeout: 30_000, interval: 500 })
      .toMatch(/^nameserver 127\.0\.0\.1\nnameserver 198\.51\.100\.53$/m)
  })
})
