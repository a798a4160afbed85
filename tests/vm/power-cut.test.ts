import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Lab } from '../../src/lab/lab.ts'
import { overlayDisk } from '../../src/lab/vm/disk.ts'
import type { VmMachine } from '../../src/lab/vm/vm-machine.ts'
import { run, runOk } from '../../src/lib/run.ts'
import { count } from '../lab/support/counts.ts'
import { editedYaml } from '../lab/support/edit-yaml.ts'
import { baseline } from '../lab/support/router-yaml.ts'
import { openVm, PATIENCE_MS, untilHealthy, untilLease, untilPage } from './support/vm.ts'

/*
 * The power goes at a random moment. What the machine flushed is on its disk; of what it did not, a part is (see
 * VmMachine.powerOff). After the next boot everything is as before or as it was to be, and nothing between.
 */

let lab: Lab
let router: VmMachine

beforeAll(async () => {
  ;({ lab, router } = await openVm())
  await untilHealthy(lab)
  await untilLease(lab, 'laptop', '10.0.0.')
  await untilPage(lab)
}, 2 * PATIENCE_MS)

const sh = (script: string) => router.execOk(['sh', '-c', script], { timeout: PATIENCE_MS })
const rounds = (small: number, full: number) => Array.from({ length: count(small, full) }, (_, i) => i + 1)

/** A moment within so many milliseconds, said so that a failure can be looked into. */
async function aMoment(most: number, of: string): Promise<void> {
  const wait = Math.random() * most
  console.log(`power cut ${(wait / 1000).toFixed(2)} s after ${of}`)
  await new Promise((resolve) => setTimeout(resolve, wait))
}

test('the disk keeps what was flushed and forgets new blocks that were not', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sekisho-disk-'))
  try {
    const [base, disk] = [join(folder, 'base'), join(folder, 'disk')]
    await runOk(['qemu-img', 'create', '-q', '-f', 'qcow2', base, '64M'])
    await overlayDisk(base, disk)
    const io = (...commands: string[]) => [
      'qemu-io',
      '-t',
      'unsafe',
      '-f',
      'qcow2',
      ...commands.flatMap((c) => ['-c', c]),
      disk,
    ]
    const cut = await run(io('write -q -P 1 0 4k', 'flush', 'write -q -P 2 1M 4k', 'sigraise 9'))
    expect(cut.code).toBe(137)
    const said = await runOk(io('read -q -P 1 0 4k', 'read -q -P 0 1M 4k'))
    expect(said).not.toContain('failed')
  } finally {
    await rm(folder, { recursive: true })
  }
})

describe('during an apply', () => {
  test.each(rounds(1, 4))(
    'it is the old configuration or the new (%i)',
    { timeout: 4 * PATIENCE_MS },
    async (round) => {
      const other = await editedYaml(lab, (document) => {
        document.set('hostname', `other${round}`)
        document.set('firewall', { forwards: [{ port: 8443, to: '10.0.0.7' }] })
        document.setIn(['networks', 'guest', 'address'], '10.0.9.1/24')
        document.setIn(['networks', 'guest', 'dhcp', 'pools'], ['10.0.9.129 - 10.0.9.254'])
      })
      await lab.writeRouterYaml(other)
      await sh('sync')
      const apply = router.spawn(['sekisho', 'apply'])
      // As many lines as it happens to have said, of about twenty, and then some time.
      const lines = Math.floor(Math.random() * 20)
      await Promise.race([apply.waitFor(new RegExp(`^(?:.*\\n){${lines}}`)), apply.done])
      await aMoment(3000, `${lines} lines of an apply`)
      await router.powerOff()
      const said = await apply.stop()
      expect(await router.restart()).toMatch(/running|degraded/)

      const confirmed = (await sh('readlink /etc/sekisho/confirmed')).trim()
      expect((await sh('readlink /etc/sekisho/current')).trim()).toBe(confirmed)
      const isNew = (await sh('cat /etc/sekisho/confirmed/router.yaml')).includes(`other${round}`)
      console.log(
        `it had said: ${said.trim().split('\n').at(-1)}; the ${isNew ? 'new' : 'old'} one is in use`,
      )
      expect((await sh('hostname')).trim()).toBe(isNew ? `other${round}` : 'gate')
      expect((await sh('nft list table inet sekisho')).includes('8443')).toBe(isNew)
      expect(await sh('ip -o -4 address show dev lan1')).toContain(isNew ? '10.0.9.1/24' : '10.0.1.1/24')
      // What the confirmed generation was made from asks for nothing but, at most, containers that were being replaced.
      await sh('cat /etc/sekisho/confirmed/router.yaml >/etc/sekisho/router.yaml')
      const planned = await router.exec(['sekisho', 'plan'], { timeout: PATIENCE_MS })
      const strange = planned.stdout
        .split('\n')
        .filter((line) => /^ {2}\S/.test(line) && !/container/.test(line))
      expect({ code: planned.code, strange }).toEqual({ code: expect.any(Number), strange: [] })
      expect([0, 2]).toContain(planned.code)
      await untilPage(lab)
      // An apply of either can be done now.
      await baseline(lab)
      await untilHealthy(lab)
      expect(await router.exec(['sekisho', 'plan'], { timeout: PATIENCE_MS })).toMatchObject({ code: 0 })
    },
  )
})

describe('while records are written', () => {
  test.each(rounds(1, 3))('what was acknowledged is there (%i)', { timeout: 3 * PATIENCE_MS }, async () => {
    await untilHealthy(lab)
    const word = `cut${Date.now()}`
    const script = await readFile(join(import.meta.dirname, 'support/forward-sender.pl'))
    await router.writeFile('/root/forward-sender.pl', script)
    const sender = router.spawn(['perl', '/root/forward-sender.pl', word])
    await sender.waitFor('acked 3\n')
    await aMoment(4000, 'the first records')
    await router.powerOff()
    const acked = [...(await sender.stop()).matchAll(/^acked (\d+)$/gm)].map(([, number]) => Number(number))
    expect(acked.length).toBeGreaterThan(3)
    expect(await router.restart()).toBe('running')
    await untilHealthy(lab)
    const look = ['sekisho', 'logs', 'container', '--since', '2h', '--json', '--grep', word]
    const found = new Set(
      [
        ...(await router.execOk(look, { timeout: PATIENCE_MS })).matchAll(
          new RegExp(`${word} (\\d+)\\.`, 'g'),
        ),
      ].map(([, number]) => Number(number)),
    )
    console.log(`${acked.length} records were acknowledged, ${found.size} are there`)
    expect(acked.filter((number) => !found.has(number))).toEqual([])
  })
})

describe('while leases are given', () => {
  test.each(rounds(1, 3))(
    'every client keeps its address, and its name (%i)',
    { timeout: 3 * PATIENCE_MS },
    async () => {
      await untilHealthy(lab)
      await lab.renew('laptop')
      const before = await untilLease(lab, 'laptop', '10.0.0.')
      const leases = '/var/lib/sekisho/kea/leases/kea-leases4.csv'
      expect(await sh(`cat ${leases}`)).toContain(before)
      await lab.renew('laptop')
      await lab.renew('phone')
      await aMoment(3000, 'clients asked anew')
      await router.powerOff()
      expect(await router.restart()).toBe('running')
      await untilHealthy(lab)
      expect(await sh(`cat ${leases}*`)).toContain(before)
      await lab.renew('laptop')
      expect(await untilLease(lab, 'laptop', '10.0.0.')).toBe(before)
      const ask = ['dig', '+short', '+time=2', '+tries=1', 'laptop.home.arpa', 'A']
      await expect
        .poll(async () => (await lab.laptop.exec(ask)).stdout.trim(), {
          timeout: PATIENCE_MS,
          interval: 1000,
        })
        .toBe(before)
    },
  )
})
