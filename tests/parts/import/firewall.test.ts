import { spawnSync } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PPP_DEVICE } from '../../../src/config/schema.ts'
import type { Report } from '../../../src/import/report.ts'
import { loadRouter } from '../../../src/load-router.ts'
import { type Bed, type Ports, startBed } from './bed.ts'
import { CASES, type Case } from './cases.ts'
import { probes } from './probes.ts'

/*
 * What the old iptables rules let through and what the imported router.yaml lets through, in the kernel, packet for packet.
 * Needs root and iptables, and no lab.
 */

const SEKISHO = join(import.meta.dirname, '../../../sekisho')
const OLD_ROUTER = join(import.meta.dirname, '../../old-router')
const OLD: Ports = { wan: 'ppp0', lan: 'enp2s0', guest: 'enp3s0' }

let work: string
let old: Bed
let now: Bed
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'sekisho-import-'))
  ;[old, now] = await Promise.all([startBed(OLD), startBed({ ...OLD, wan: PPP_DEVICE })])
})
afterAll(async () => {
  await Promise.all([old, now].map((bed) => bed?.stop()))
  await rm(work, { recursive: true })
})

interface Imported {
  readonly report: Report
  readonly nft: string
}

async function imported(name: string, { iptables, hasGuest }: Case): Promise<Imported> {
  const folder = join(work, name)
  await cp(OLD_ROUTER, folder, { recursive: true })
  if (iptables !== undefined) await writeFile(join(folder, 'etc/network/iptables'), iptables)
  if (hasGuest) {
    await mkdir(join(folder, 'etc/network/interfaces.d'))
    const guest = 'auto enp3s0\niface enp3s0 inet static\n  address 10.0.2.1/24\n'
    await writeFile(join(folder, 'etc/network/interfaces.d/guest'), guest)
  }
  const out = join(work, `${name}.out/router.yaml`)
  const { status, stdout, stderr } = spawnSync(SEKISHO, ['import', folder, '--out', out, '--json'], {
    encoding: 'utf8',
  })
  expect(`${stderr}${status === 0 ? '' : stdout}`).toBe('')
  const loaded = await loadRouter(out)
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.issues))
  const { files } = loaded.desired
  expect(loaded.router.wan.device).toBe(PPP_DEVICE)
  return {
    report: JSON.parse(stdout),
    nft: files.find(({ path }) => path === 'sekisho.nft')?.text ?? '',
  }
}

describe.each(Object.entries(CASES))('%s', (name, one) => {
  let made: Imported
  let before: Set<string>
  let after: Set<string>
  const sent = probes(one.forwards).filter(({ name: packet }) => one.hasGuest || !packet.includes('guest'))
  beforeAll(async () => {
    made = await imported(name, one)
    const text = one.iptables ?? (await readFile(join(OLD_ROUTER, 'etc/network/iptables'), 'utf8'))
    ;[before, after] = await Promise.all([
      old.passing({ argv: ['iptables-restore'], text }, sent),
      now.passing({ argv: ['nft', '-f', '-'], text: made.nft }, sent),
    ])
  })

  test('what passed and what did not is the same, but for what is listed here', () => {
    const differences = sent.filter(({ name: packet }) => before.has(packet) !== after.has(packet))
    const unlisted = differences.filter(
      ({ name: packet }) => !one.differences.some(({ packets }) => packets.test(packet)),
    )
    expect(
      unlisted.map(
        ({ name: packet }) => `${packet}: ${before.has(packet) ? 'passed' : 'did not pass'} before`,
      ),
    ).toEqual([])
    const idle = one.differences.filter(
      ({ packets }) => !differences.some(({ name: packet }) => packets.test(packet)),
    )
    expect(idle).toEqual([])
  })

  test('what is let through now and was not is a service of a module; what is not and was is in the report', () => {
    for (const { packets, said } of one.differences) {
      const opened = sent.filter(
        ({ name: packet }) => packets.test(packet) && after.has(packet) && !before.has(packet),
      )
      if (said === undefined) expect(opened).not.toEqual([])
      else {
        expect(opened).toEqual([])
        const words = made.report.left.map(({ what, why }) => `${what} → ${why}`)
        expect(
          words.some((text) => said.test(text)),
          `${said} in ${words.join('\n')}`,
        ).toBe(true)
      }
    }
  })

  test('packets pass and do not pass, as they should', () => {
    expect(one.pass.filter((packet) => !before.has(packet) || !after.has(packet))).toEqual([])
    expect(one.blocked.filter((packet) => before.has(packet) || after.has(packet))).toEqual([])
  })
})
