import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { z } from 'zod'
import { applyTo } from '../../../tests/fake-debian.ts'
import { FakeMachine } from '../../../tests/fake-machine.ts'
import { sampleRouter } from '../../../tests/sample-router.ts'
import { compile } from '../compile.ts'
import type { DesiredState } from '../desired.ts'
import { desiredOf, manifestOf } from '../generation/generation.ts'
import { moduleData, purge } from '../kept-data.ts'
import { defineModule } from '../module.ts'
import { observe, readCurrent } from '../observe.ts'
import { plan } from '../plan/plan.ts'
import { apply } from './apply.ts'
import { down } from './down.ts'

let root: string
let fake: FakeMachine

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sekisho-down-'))
  fake = new FakeMachine(root, {
    files: {
      '/etc/systemd/system/x': '',
      '/etc/tmpfiles.d/x': '',
      '/run/x': '',
      '/proc/sys/net/ipv4/ip_forward': '0\n',
      '/proc/sys/net/ipv6/conf/all/forwarding': '0\n',
      '/proc/sys/kernel/hostname': 'gate\n',
      '/etc/hostname': 'gate\n',
    },
    units: {
      'docker.service': { enabled: true, active: true },
      'systemd-networkd.service': { enabled: true, active: true },
    },
  })
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const unit = 'host/etc/systemd/system/sekishod.service'
const file = (path: string, text: string, owner = 'core') => ({ path, text, mode: 0o644, owner })

const DESIRED: DesiredState = {
  files: [
    file(
      'compose.yaml',
      stringify({ name: 'sekisho', services: { dns: { image: 'sekisho/dns:1', volumes: [] } } }),
    ),
    file(unit, '[Service]\nExecStart=true\n\n[Install]\nWantedBy=multi-user.target\n'),
    { ...file('modules/dns/key', 'secret\n', 'dns'), mode: 0o400, secret: true },
    file('sekisho.nft', 'table inet sekisho {}\n'),
  ],
  units: [{ name: 'sekishod.service', owner: 'core', enable: true }],
  volumes: [
    {
      path: '/var/lib/sekisho/dns/data',
      owner: 'dns',
      uid: process.getuid?.() ?? 0,
      gid: process.getgid?.() ?? 0,
      mode: 0o750,
      backup: true,
    },
  ],
  images: [{ owner: 'dns', image: 'sekisho/dns:1' }],
  services: [{ owner: 'dns', name: 'dns', listens: [] }],
  links: [{ path: '/etc/localtime', target: '/usr/share/zoneinfo/UTC', owner: 'core' }],
  checks: [],
  restarts: [],
}

function run(desired: DesiredState) {
  return applyTo(fake, desired)
}

describe('down', () => {
  it('stops everything and keeps the firewall; the generation alone brings it back', async () => {
    await run(DESIRED)
    const before = structuredClone(fake.snapshot())
    expect(await down(fake.host)).toEqual({ ok: true, changed: true })
    expect(fake.containers.size).toBe(0)
    expect(fake.units.get('sekishod.service')).toMatchObject({ active: false })
    expect(fake.text('/proc/sys/net/ipv4/ip_forward')).toBe('0\n')
    expect(fake.nft).toBe(before.nft)
    expect(fake.exists('/etc/sekisho/down')).toBe(true)
    expect(await down(fake.host)).toEqual({ ok: true, changed: false })

    const current = await readCurrent(fake.host)
    if (!current) throw new Error('no generation')
    expect(await run(desiredOf(current))).toMatchObject({ ok: true, changed: true })
    expect(fake.snapshot()).toEqual(before)
  })

  it('is what an apply that fails goes back to', async () => {
    await run(DESIRED)
    await down(fake.host)
    const before = structuredClone(fake.snapshot())
    const exec = fake.host.exec
    const host = {
      ...fake.host,
      exec: (async (argv, options) =>
        argv.includes('up')
          ? { code: 1, stdout: '', stderr: 'unhealthy' }
          : exec(argv, options)) satisfies typeof exec,
    }
    const result = await apply({ host, desired: DESIRED, source: '', ensureImages: async () => {} })
    expect(result).toMatchObject({ ok: false, stage: 'apply', unrestored: [] })
    expect(fake.snapshot()).toEqual(before)
  })

  it('says what goes on, and stops the rest', async () => {
    await run(DESIRED)
    fake.refuse = { pattern: /^docker compose/, says: 'Cannot connect to the Docker daemon' }
    expect(await down(fake.host)).toMatchObject({
      ok: false,
      failures: [expect.stringContaining('Cannot connect')],
    })
    expect(fake.text('/proc/sys/net/ipv4/ip_forward')).toBe('0\n')
    expect(plan(await observe(fake.host, DESIRED), DESIRED)).toMatchObject({ from: 1, to: 1 })
  })

  it('has nothing to stop before the first apply', async () => {
    expect(await down(fake.host)).toMatchObject({ ok: false })
    expect(fake.exists('/etc/sekisho/down')).toBe(false)
  })
})

it("holds over a boot for a module's unit too", () => {
  const module = defineModule({
    name: 'own',
    summary: 'A module with a unit',
    config: z.strictObject({}),
    build: () => ({
      files: [],
      host: { units: [{ name: 'own.service', text: '[Service]\nExecStart=true\n' }] },
      services: [],
      openings: [],
      logs: [],
      data: [],
    }),
  })
  const compiled = compile(sampleRouter(), [{ module, config: {} }])
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.issues))
  const text = (path: string) => compiled.desired.files.find((one) => one.path === path)?.text
  const condition = 'ConditionPathExists=!/etc/sekisho/down\n'
  expect(text('host/etc/systemd/system/own.service.d/10-sekisho.conf')).toContain(`[Unit]\n${condition}`)
  expect(text(unit)).toContain(condition)
})

it('a generation on the disk is the desired state that it was made from', async () => {
  await run(DESIRED)
  const current = await readCurrent(fake.host)
  if (!current) throw new Error('no generation')
  expect(desiredOf(current)).toEqual(DESIRED)
  expect(JSON.stringify(manifestOf(desiredOf(current)))).toBe(JSON.stringify(current.manifest))
})

describe('purge', () => {
  beforeEach(async () => {
    await run(DESIRED)
    fake.put('/var/lib/sekisho/old/records/a', 'x')
    fake.put('/var/lib/sekisho/agent/holders.json', '{}')
  })

  it('removes what a module left', async () => {
    expect(await moduleData(fake.host)).toMatchObject([
      { module: 'dns', inUse: true },
      { module: 'old', inUse: false },
    ])
    expect(await purge(fake.host, 'old', ['dns'])).toMatchObject({ ok: true })
    expect(fake.exists('/var/lib/sekisho/old')).toBe(false)
  })

  it.each([
    ['a module of the generation in use', 'dns', [], 'dns is in use'],
    ['a module of router.yaml', 'old', ['old'], 'old is in use'],
    ["the agent's own", 'agent', [], 'no data of a module "agent" is kept: there is data of old'],
    ['no module at all', '../../etc', [], 'no data of a module "../../etc" is kept'],
    ['nothing', '', [], 'no data of a module "" is kept'],
  ])('refuses %s', async (_, name, named, message) => {
    const before = structuredClone(fake.snapshot())
    expect(await purge(fake.host, name, named)).toEqual({
      ok: false,
      message: expect.stringContaining(message) as string,
    })
    expect(fake.snapshot()).toEqual(before)
  })
})
