import { describe, expect, test } from 'vitest'
import { sealBackup } from '../move/manifest.ts'
import { adaptPorts } from './adapt-ports.ts'
import type { HostPort } from './ports.ts'

/* Without a terminal, as in a script: what is not said is refused, with what to say. */

const YAML = `version: 1
hostname: gate
wan: { interface: wan0, mode: dhcp } # the ONU
networks:
  home:
    interfaces: [lan0, { name: lan1, vlan: 30 }]
    address: 10.0.0.1/24
modules: {}
`

const port = (name: string, mac: string): HostPort => ({ name, mac, link: 'up', wireless: false })
const HERE = [
  port('enp1s0', '02:00:5e:10:00:01'),
  port('enp2s0', '02:00:5e:99:00:02'),
  port('lan1', '02:00:5e:99:00:03'),
  port('enp0s31f6np0', '02:00:5e:99:00:04'),
]
const MANIFEST = sealBackup({
  release: '1.0.0',
  created_at: '2026-11-26T12:00:00Z',
  hostname: 'gate',
  ports: [{ name: 'wan0', mac: '02:00:5e:10:00:01', driver: 'igc', bus: '0000:01:00.0' }],
  folders: [],
  files: [],
  left_out: [],
})

const adapt = (text: string, ...maps: string[]) =>
  adaptPorts(text, MANIFEST, { file: 'b.age', maps, ports: HERE })

describe('router.yaml on another machine', () => {
  test('has its ports, by --map or by name', async () => {
    expect(await adapt(YAML, 'enp1s0=wan0', 'enp2s0=lan0')).toBe(
      YAML.replace('wan0', 'enp1s0').replace('lan0', 'enp2s0'),
    )
  })

  test('is refused while a port is not said, with the option to say', async () => {
    await expect(adapt(YAML)).rejects.toMatchObject({
      message: 'this machine has no port wan0, lan0',
      // The hardware tells which port the first is; of the second nothing is known.
      fix: 'say which port is which: sekisho restore b.age --map enp1s0=wan0 --map PORT=lan0',
    })
    await expect(adapt(YAML, 'enp2s0=lan0')).rejects.toMatchObject({
      fix: 'say which port is which: sekisho restore b.age --map enp2s0=lan0 --map enp1s0=wan0',
    })
  })

  test('is refused on a machine with too few ports', async () => {
    await expect(
      adaptPorts(YAML, MANIFEST, { file: 'b.age', maps: [], ports: HERE.slice(0, 1) }),
    ).rejects.toMatchObject({ fix: expect.stringMatching(/^add network ports/) })
  })

  test('is refused when the new names make it wrong', async () => {
    // enp0s31f6np0.30 has 15 characters, and one more than that is too many.
    await expect(
      adaptPorts(YAML.replace('vlan: 30', 'vlan: 300'), MANIFEST, {
        file: 'b.age',
        maps: ['enp1s0=wan0', 'enp2s0=lan0', 'enp0s31f6np0=lan1'],
        ports: HERE,
      }),
    ).rejects.toThrow('with these ports router.yaml is wrong')
  })

  test('of a newer Sekisho is refused; one that was wrong before comes as it was', async () => {
    await expect(adapt(YAML.replace('version: 1', 'version: 2'))).rejects.toThrow('this file is of version 2')
    const wrong = YAML.replace('modules: {}', 'modules: { nope: {} }')
    expect(await adapt(wrong, 'enp1s0=wan0', 'enp2s0=lan0')).toContain('nope')
  })

  test("a user's own module is not run to judge the file", async () => {
    const own = YAML.replace('modules: {}', 'modules: { mine: { path: /root/not-there, port: 3 } }')
    expect(await adapt(own, 'enp1s0=wan0', 'enp2s0=lan0')).toContain('/root/not-there')
  })
})
