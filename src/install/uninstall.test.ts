import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { applyTo, desiredOfYaml, fakeDebian } from '../../tests/fake-debian.ts'
import type { FakeMachine } from '../../tests/fake-machine.ts'
import { uninstall } from './uninstall.ts'

const DESIRED = desiredOfYaml(readFileSync(join(import.meta.dirname, '../../examples/lab.yaml'), 'utf8'))

const roots: string[] = []
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true, force: true })
})

/** A machine before anything of ours, and the same after an installation, an apply and some use. */
async function router(
  before: (fake: FakeMachine) => void = () => {},
): Promise<{ fake: FakeMachine; bare: unknown }> {
  const root = mkdtempSync(join(tmpdir(), 'sekisho-uninstall-'))
  roots.push(root)
  const fake = fakeDebian(root)
  before(fake)
  fake.put('/usr/local/bin/other', '')
  fake.put('/opt/other', '')
  fake.put('/var/cache/other', '')
  fake.put('/var/spool/rsyslog/other', '')
  const bare = look(fake)
  fake.put('/opt/sekisho/1/sekisho', '#!/bin/sh\n')
  symlinkSync('1', join(root, 'opt/sekisho/current'))
  symlinkSync('/opt/sekisho/current/sekisho', join(root, 'usr/local/bin/sekisho'))
  fake.put('/etc/sekisho/router.yaml', 'version: 1\n')
  fake.put('/etc/sekisho/secrets/key', 'secret\n')
  expect(await applyTo(fake, DESIRED)).toMatchObject({ ok: true })
  fake.put('/var/lib/sekisho/recorder/records/a.parquet', 'years\n')
  fake.put('/var/lib/sekisho/agent/holders.json', '{}')
  fake.put('/var/cache/sekisho/node/x', '')
  fake.put('/var/spool/rsyslog/sekisho-recorder.qi', '')
  fake.put('/run/sekisho.lock', '')
  return { fake, bare }
}

const look = (fake: FakeMachine) => structuredClone(fake.snapshot())
const run = (fake: FakeMachine, keepData = false) =>
  uninstall({ host: fake.host, keepData, onProgress: () => {} })

describe('uninstall', () => {
  it('gives the machine back to the byte', async () => {
    const { fake, bare } = await router()
    expect(await run(fake)).toEqual({ ok: true, left: [] })
    expect(look(fake)).toEqual(bare)
  })

  it.each([
    [
      'Docker was off',
      (fake: FakeMachine) => fake.units.set('docker.service', { enabled: false, active: false }),
    ],
    [
      'networkd had the links',
      (fake: FakeMachine) => fake.units.set('systemd-networkd.service', { enabled: true, active: true }),
    ],
    [
      'there was no daemon.json and no host name',
      (fake: FakeMachine) => {
        fake.delete('/etc/docker/daemon.json')
        fake.delete('/etc/hostname')
        fake.delete('/etc/resolv.conf')
      },
    ],
    ['it did not forward, and had no IPv6', (fake: FakeMachine) => fake.delete('/proc/sys/net/ipv6')],
  ])('gives back a machine on which %s', async (_, before) => {
    const { fake, bare } = await router(before)
    expect(await run(fake)).toEqual({ ok: true, left: [] })
    expect(look(fake)).toEqual(bare)
  })

  it("keeps what is the user's when told to", async () => {
    const { fake } = await router()
    const data = fake.tree('/var/lib/sekisho')
    expect(await run(fake, true)).toEqual({ ok: true, left: [] })
    expect(fake.tree('/var/lib/sekisho')).toEqual(data)
    expect(fake.tree('/etc/sekisho')).toEqual({
      '/etc/sekisho/router.yaml': '644 version: 1\n',
      '/etc/sekisho/secrets/': '',
      '/etc/sekisho/secrets/key': '644 secret\n',
    })
    expect(fake.exists('/opt/sekisho')).toBe(false)
  })

  it("leaves someone else's command alone", async () => {
    const { fake } = await router()
    fake.delete('/usr/local/bin/sekisho')
    fake.put('/usr/local/bin/sekisho', 'mine')
    expect(await run(fake)).toMatchObject({ ok: true })
    expect(fake.text('/usr/local/bin/sekisho')).toBe('mine')
  })

  it('says which images Docker keeps', async () => {
    const { fake } = await router()
    fake.images.add('sekisho/kea:0123456789ab')
    fake.refuse = { pattern: /^docker image rm sekisho\/kea/, says: 'image is being used by a container' }
    expect(await run(fake)).toEqual({
      ok: true,
      left: [expect.stringContaining('image is being used by a container')],
    })
  })

  it('that fails changes nothing, or can be run again, wherever it was', async () => {
    const whole = await router()
    const from = whole.fake.changes
    await run(whole.fake)
    const total = whole.fake.changes - from
    expect(total).toBeGreaterThan(60)
    let undone = 0
    // Every place in the end, where nothing is undone; some of the rest, which apply's own tests see all of.
    const places = Array.from({ length: total }, (_, i) => i + 1).filter(
      (n) => n > total - 25 || n % 16 === 0,
    )
    for (const n of places) {
      const { fake, bare } = await router()
      const before = look(fake)
      fake.failAt = fake.changes + n
      const result = await run(fake).catch((error: unknown) => String(error))
      if (typeof result !== 'string' && !result.ok) {
        undone++
        expect({ n, look: look(fake) }).toEqual({ n, look: before })
      }
      fake.failAt = 0
      expect({ n, again: await run(fake) }).toEqual({ n, again: { ok: true, left: [] } })
      expect({ n, look: look(fake) }).toEqual({ n, look: bare })
    }
    expect(undone).toBeGreaterThan(3)
  })
})
