import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Running } from '../../src/lab/host.ts'
import type { Lab } from '../../src/lab/lab.ts'
import { editedYaml } from '../lab/support/edit-yaml.ts'
import { applyYaml, baseline } from '../lab/support/router-yaml.ts'
import { openVm, PATIENCE_MS, untilHealthy, untilLease, untilPage } from './support/vm.ts'

/*
 * A trunk: the laptop's cable carries home without a tag and guests with tag 20. At the far end of the tag is a network
 * namespace beside the laptop, as if it were a switch's other port.
 */

const VLAN = 20
const TAP = 'tag0'
let lab: Lab
let tagger: Running | undefined
let client: Running | undefined

/** Runs a command at the far end of the tag. */
const tagged = (...argv: string[]) => lab.laptop.exec(['ip', 'netns', 'exec', 'tagged', ...argv])

beforeAll(async () => {
  ;({ lab } = await openVm())
  await untilHealthy(lab)
  await applyYaml(
    lab,
    await editedYaml(lab, (document) =>
      document.setIn(['networks', 'guest', 'interfaces'], ['lan1', { name: 'lan0', vlan: VLAN }]),
    ),
  )
  const { laptop } = lab
  await laptop.writeFile('/root/tagger.py', await readFile(join(import.meta.dirname, 'support/tagger.py')))
  // The host's own /dev is bare.
  await laptop.execOk([
    'sh',
    '-c',
    'mkdir -p /dev/net && { test -e /dev/net/tun || mknod /dev/net/tun c 10 200; }',
  ])
  await laptop.execOk(['ip', 'netns', 'add', 'tagged'])
  tagger = laptop.spawn(['python3', '/root/tagger.py', 'eth0', String(VLAN), 'tagged', TAP])
  await tagger.waitFor('ready')
  await tagged('ip', 'link', 'set', 'lo', 'up')
  client = laptop.spawn(['ip', 'netns', 'exec', 'tagged', 'dhcpcd', '-B', '-C', 'resolv.conf', TAP])
}, 3 * PATIENCE_MS)

afterAll(async () => {
  await client?.stop()
  await tagger?.stop()
  await lab?.laptop.exec(['ip', 'netns', 'delete', 'tagged'])
  await baseline(lab)
}, PATIENCE_MS)

/** The IPv4 address at the far end of the tag, once it has a lease. */
async function taggedAddress(): Promise<string> {
  const look = async () =>
    / inet (10\.[\d.]+)\//.exec(
      (await tagged('ip', '-o', '-4', 'address', 'show', 'dev', TAP, 'scope', 'global')).stdout,
    )?.[1] ?? ''
  await expect.poll(look, { timeout: PATIENCE_MS, interval: 500 }).not.toBe('')
  return look()
}

test('a lease of the guests and the Internet come with the tag, home and the Internet without', {
  timeout: PATIENCE_MS,
}, async () => {
  expect(await taggedAddress()).toMatch(/^10\.0\.1\./)
  const page = ['curl', '-sSf', '--max-time', '8', 'http://203.0.113.80/']
  await expect
    .poll(async () => (await tagged(...page)).stdout, { timeout: PATIENCE_MS })
    .toContain('You are 198.51.100.10.')
  const page6 = ['curl', '-sSf', '--max-time', '8', 'http://[2001:db8:80::80]/']
  await expect
    .poll(async () => (await tagged(...page6)).stdout, { timeout: PATIENCE_MS })
    .toContain('You are 2001:db8:1')
  await lab.renew('laptop')
  await untilLease(lab, 'laptop', '10.0.0.')
  await untilPage(lab)
})

test('neither reaches the other, and guests with and without the tag are one network', {
  timeout: PATIENCE_MS,
}, async () => {
  const far = await taggedAddress()
  const [laptop, guest] = [
    await untilLease(lab, 'laptop', '10.0.0.'),
    await untilLease(lab, 'guest1', '10.0.1.'),
  ]
  const ping = (to: string) => ['ping', '-c', '2', '-W', '3', to]
  await expect.poll(async () => (await tagged(...ping(guest))).code, { timeout: PATIENCE_MS }).toBe(0)
  expect((await lab.guest1.exec(ping(far))).code).toBe(0)
  expect((await tagged(...ping(laptop))).code).not.toBe(0)
  expect((await lab.laptop.exec(ping(far))).code).not.toBe(0)
})

test("a frame to all of one network is on the trunk in that network's form only", {
  timeout: PATIENCE_MS,
}, async () => {
  const asked = (address: string) => `arp host ${address}`
  const capture = async (filter: string) => lab.laptop.capture('eth0', filter)
  const captures = [
    await capture(asked('10.0.0.77')),
    await capture(`vlan ${VLAN} and ${asked('10.0.0.77')}`),
    await capture(asked('10.0.1.77')),
    await capture(`vlan ${VLAN} and ${asked('10.0.1.77')}`),
  ]
  await lab.phone.exec(['ping', '-c', '3', '-W', '1', '10.0.0.77'])
  await lab.guest1.exec(['ping', '-c', '3', '-W', '1', '10.0.1.77'])
  const [homePlain, homeTagged, guestPlain, guestTagged] = await Promise.all(
    captures.map((one) => one.stop({ settleMs: 1500 })),
  )
  const untagged = (lines: readonly string[] = []) => lines.filter((line) => !line.includes('vlan'))
  expect(untagged(homePlain).length).toBeGreaterThan(0)
  expect(homeTagged).toEqual([])
  expect(untagged(guestPlain)).toEqual([])
  expect(guestTagged?.length).toBeGreaterThan(0)
})
