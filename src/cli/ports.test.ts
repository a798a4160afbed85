import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, onTestFinished } from 'vitest'
import { hostPorts } from './ports.ts'

let root = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'ports-'))
})
afterEach(() => rmSync(root, { recursive: true }))

/** A link as sysfs shows it; what a name with "/" at its end names is a folder. */
function link(name: string, files: Record<string, string>): void {
  mkdirSync(join(root, name))
  for (const [file, text] of Object.entries({ type: '1\n', address: '02:00:5e:10:00:01\n', ...files })) {
    if (file.endsWith('/')) mkdirSync(join(root, name, file))
    else writeFileSync(join(root, name, file), text)
  }
}

it('shows hardware with link and speed, in the order of its numbers', () => {
  link('lo', { type: '772\n' })
  link('eth10', { 'device/': '', carrier: '0\n', speed: '-1\n' })
  link('eth2', { carrier: '1\n', speed: '2500\n' })
  // As on the bus: the link's device, and that one's driver, are links.
  const bus = join(root, '..', `bus-${process.pid}`)
  mkdirSync(join(bus, '0000:01:00.0'), { recursive: true })
  onTestFinished(() => rmSync(bus, { recursive: true }))
  symlinkSync(join(bus, '0000:01:00.0'), join(root, 'eth2/device'))
  symlinkSync('../../drivers/igc', join(bus, '0000:01:00.0/driver'))
  link('wlan0', { 'device/': '', 'phy80211/': '' })
  link('br-home', { 'bridge/': '' })
  link('eth2.20', { uevent: 'DEVTYPE=vlan\n' })
  link('veth1', {})
  writeFileSync(join(root, 'bonding_masters'), '')
  expect(hostPorts(root)).toEqual([
    {
      name: 'eth2',
      mac: '02:00:5e:10:00:01',
      link: 'up',
      speed: 2500,
      wireless: false,
      driver: 'igc',
      bus: '0000:01:00.0',
    },
    { name: 'eth10', mac: '02:00:5e:10:00:01', link: 'no cable', wireless: false },
    { name: 'wlan0', mac: '02:00:5e:10:00:01', link: 'unknown', wireless: true },
  ])
})

it('shows virtual links where there is no hardware', () => {
  link('wan0', { carrier: '1\n' })
  link('br0', { 'bridge/': '' })
  expect(hostPorts(root).map((port) => port.name)).toEqual(['wan0'])
})
