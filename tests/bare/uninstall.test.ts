import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ensureBundle } from '../../src/build/bundle.ts'
import { down } from '../../src/lab/down.ts'
import { configureRouter, installBundle } from '../../src/lab/install-router.ts'
import type { Lab } from '../../src/lab/lab.ts'
import { labPlaces } from '../../src/lab/places.ts'
import { up } from '../../src/lab/up.ts'
import { count } from '../lab/support/counts.ts'
import { differences, type Look, lookAt } from '../lab/support/whole-machine.ts'

/*
 * A Debian machine with ifupdown, Docker and a clock service becomes a router, works, and is given back. The tests
 * follow each other on one machine of their own.
 */

/** A busy machine takes minutes to install and apply. */
const INSTALLS_MS = 400_000

const places = labPlaces(`${labPlaces().id}-gone`)
let lab: Lab
let before: Look

beforeAll(async () => {
  lab = await up({ places, bare: true, onProgress: () => {} })
  // What runs at a machine's first boot only is no part of it.
  await lab.restartRouter({ how: 'reboot' })
  await online()
  before = await lookAt(lab.router)
})
afterAll(() => down(places))

const sh = (script: string) => lab.router.execOk(['sh', '-c', script])
const sekisho = (...args: string[]) => lab.router.exec(['sekisho', ...args], { timeout: 200_000 })
const page = () =>
  lab.laptop.exec(['curl', '-4sSf', '--max-time', '3', 'http://www.example.org/'], { timeout: 10_000 })

/** Waits until the DHCP client of the machine itself has its lease, IPv6 too. */
async function online(): Promise<void> {
  await sh(
    'for i in $(seq 100); do ip route | grep -q "^default" && ip -6 route | grep -q "^default" && exit; sleep 0.2; done; exit 1',
  )
}

async function becomeRouter(): Promise<void> {
  await installBundle(lab.router, await ensureBundle(), () => {})
  await configureRouter(lab)
  const { code, stderr } = await lab.apply()
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
  await lab.renew('laptop')
  await expect.poll(async () => (await page()).code, { timeout: 45_000, interval: 500 }).toBe(0)
}

/** Every path whose name has ours in it, wherever it is. */
const traces = () =>
  sh(
    "find / \\( -path /proc -o -path /sys -o -path /var/lib/docker \\) -prune -o -name '*sekisho*' -print | sort",
  )

/** wan0 is ifupdown's and its DHCP client's again, and everything is as it was, but for what was to stay. */
async function expectGivenBack(kept?: RegExp): Promise<void> {
  await online()
  await expect
    .poll(async () => differences(before, await lookAt(lab.router)).filter((line) => !kept?.test(line)), {
      timeout: 20_000,
      interval: 1000,
    })
    .toEqual([])
  expect(await sh('ip -o -4 address show dev wan0')).toContain('inet 198.51.100.10/24')
  expect(await sh('curl -4sSf --max-time 5 http://www.example.org/')).toContain('198.51.100.10')
}

test('a Debian machine becomes a router', becomeRouter, INSTALLS_MS)

describe('down', () => {
  test('stops what runs; the machine can be reached, and does not forward', async () => {
    const { code, stdout } = await sekisho('down')
    expect({ code, stdout }).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Back with: sekisho up'),
    })
    await expectDown()
    expect(await sekisho('down')).toMatchObject({ code: 0, stdout: expect.stringContaining('down already') })
    expect(await sekisho('status')).toMatchObject({
      code: 3,
      stdout: expect.stringContaining('down, as "sekisho down" left it'),
    })
    const planned = await sekisho('plan')
    expect(planned.code).toBe(2)
    for (const says of ['packets are forwarded', 'containers: brings them up', 'starts sekishod.service'])
      expect(planned.stdout).toContain(says)
  })

  test('holds over a boot', async () => {
    expect(await lab.restartRouter({ how: 'reboot' })).toBe('running')
    await expectDown()
    expect(await sh('nft list table inet sekisho')).toContain('chain forward')
  })

  test('up brings everything back, whatever router.yaml says by now', async () => {
    await sh('cp -a /etc/sekisho/router.yaml /root/router.yaml; echo "hostname: [" >/etc/sekisho/router.yaml')
    const { code, stdout } = await sekisho('up')
    await sh('mv /root/router.yaml /etc/sekisho/router.yaml')
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'Up: generation 1 runs as it did.\n' })
    await expect.poll(async () => (await page()).code, { timeout: 45_000, interval: 500 }).toBe(0)
    expect(await sekisho('plan')).toMatchObject({ code: 0 })
    expect(await sekisho('up')).toMatchObject({ code: 0, stdout: 'Everything is up already.\n' })
  })

  async function expectDown(): Promise<void> {
    expect(await sh('docker ps --all --quiet')).toBe('')
    expect(await sh('cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding')).toBe(
      '0\n0\n',
    )
    expect((await lab.router.exec(['systemctl', 'is-active', 'sekishod'])).stdout).toBe('inactive\n')
    // A lease ends with the cable, and nobody gives another.
    await lab.laptop.execOk(['ip', 'address', 'replace', '10.0.0.99/24', 'dev', 'eth0'])
    const banner = await lab.laptop.exec(['nc', '-w', '3', '10.0.0.1', '22'], { input: '' })
    expect(banner.stdout).toContain('SSH-')
    const outside = await lab.laptop.exec(['curl', '-4sS', '--max-time', '2', 'http://203.0.113.80/'])
    expect(outside.code).not.toBe(0)
    await lab.laptop.execOk(['ip', 'address', 'delete', '10.0.0.99/24', 'dev', 'eth0'])
  }
})

describe('uninstall', () => {
  test('asks first, and shows what would be lost', async () => {
    const { code, stdout, stderr } = await sekisho('uninstall')
    expect(code).toBe(1)
    expect(stdout).toContain('gives wan0 back to /etc/network/interfaces')
    expect(stdout).toMatch(/\/var\/lib\/sekisho: [\d.]+ kB\n( {4}\w+: .*\n)* {4}recorder: /)
    expect(stderr).toContain('Nothing was changed.')
    expect(await sekisho('plan')).toMatchObject({ code: 0 })
  })

  test('with --keep-data, data and router.yaml stay for another time, and nothing else', async () => {
    const leases = await sh('cat /var/lib/sekisho/kea/leases/*.csv')
    const yaml = await sh('cat /etc/sekisho/router.yaml')
    const { code, stdout, stderr } = await sekisho('uninstall', '--yes', '--keep-data')
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('Sekisho is gone; this machine is what it was before.')
    expect(await traces()).toBe('/etc/sekisho\n/var/lib/sekisho\n')
    expect(await sh('ls /etc/sekisho')).toBe('dns\nrouter.yaml\nsecrets\n')
    expect(await sh('cat /etc/sekisho/router.yaml')).toBe(yaml)
    expect(await sh('cat /var/lib/sekisho/kea/leases/*.csv')).toContain(leases)
    await expectGivenBack(/^files: \+ \/etc\/sekisho(\/(dns|router\.yaml|secrets)\b|\s)/)
  })

  test(
    'installed again: the machine is what it was, at once and after a boot',
    async () => {
      if (count(0, 1) === 1) await becomeRouter()
      else await installBundle(lab.router, await ensureBundle(), () => {})
      expect(await sekisho('uninstall', '--yes')).toMatchObject({ code: 0 })
      expect(await traces()).toBe('')
      expect(await sh('docker image ls --all --quiet')).toBe('')
      await expectGivenBack()
      expect(await lab.restartRouter({ how: 'reboot' })).toBe('running')
      await expectGivenBack()
    },
    INSTALLS_MS,
  )
})
