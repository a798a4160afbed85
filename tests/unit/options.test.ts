import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, describe, expect, it, test } from 'vitest'
import { formatIssues } from '../../src/config/format.ts'
import { validate } from '../../src/config/validate.ts'
import { MODULES } from '../../src/modules.ts'
import { apply } from '../../src/router/apply.ts'
import { compile } from '../../src/router/compile.ts'
import { type DesiredState, NOTHING } from '../../src/router/desired.ts'
import { normalise } from '../../src/router/normalise.ts'
import { FakeMachine } from '../fake-machine.ts'
import { allOptions, OPTION_EDITS, type OptionEdit, optionsIn, withEdits } from '../option-edits.ts'

/*
 * Each option, put in and taken out again, and all of it taken away in the end: the machine is as if it had never been
 * there. The same with real parts, some options at a time: tests/lab/lifecycle/residue.test.ts.
 */

const BASE = readFileSync(join(import.meta.dirname, '../../examples/lab.yaml'), 'utf8')

const roots: string[] = []
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true, force: true })
})

/** A Debian machine with one file of the user's in each place where ours will be. */
function debian(): FakeMachine {
  const root = mkdtempSync(join(tmpdir(), 'sekisho-options-'))
  roots.push(root)
  for (const folder of ['network', 'system'])
    mkdirSync(join(root, 'etc/systemd', folder), { recursive: true })
  const fake = new FakeMachine(root, {
    files: {
      '/etc/hostname': 'debian\n',
      '/etc/hosts': '127.0.0.1\tlocalhost\n127.0.1.1\tdebian\n::1\tlocalhost\n',
      '/etc/resolv.conf': 'nameserver 192.0.2.53\n',
      '/etc/network/interfaces': 'auto lo\niface lo inet loopback\n\nauto wan0\niface wan0 inet dhcp\n',
      '/etc/docker/daemon.json': '{"debug": true, "log-driver": "syslog"}',
      '/etc/systemd/network/05-mine.network': '[Match]\nName=lan*\n\n[Network]\nDHCP=yes\n',
      '/etc/sekisho/router.yaml': BASE,
      '/proc/sys/kernel/hostname': 'debian\n',
      '/proc/sys/net/ipv4/ip_forward': '0\n',
      '/proc/sys/net/ipv6/conf/all/forwarding': '1\n',
      ...Object.fromEntries(
        ['all', 'default', 'lo', 'docker0', 'lan0', 'wan0'].flatMap((link) => [
          [`/proc/sys/net/ipv4/conf/${link}/send_redirects`, link === 'lan0' ? '0\n' : '1\n'],
          [`/proc/sys/net/ipv6/conf/${link}/accept_ra`, link === 'docker0' ? '0\n' : '2\n'],
        ]),
      ),
      '/proc/sys/net/netfilter/nf_conntrack_acct': '0\n',
      '/proc/sys/net/netfilter/nf_conntrack_events': '2\n',
      '/run/x': '',
      '/var/lib/x': '',
      ...Object.fromEntries(
        ['rsyslog.d/50-log.conf', 'sysctl.d/90-sekisho.conf', 'tmpfiles.d/x', 'modules-load.d/x'].map(
          (path) => [`/etc/${path}`, '# mine\n'],
        ),
      ),
    },
    links: { '/etc/localtime': '/usr/share/zoneinfo/Etc/UTC' },
    units: {
      'systemd-networkd.service': { enabled: false, active: false },
      'docker.service': { enabled: true, active: true },
      'rsyslog.service': { enabled: true, active: true },
      'systemd-timesyncd.service': { enabled: true, active: true },
      'nftables.service': { enabled: true, active: true },
    },
  })
  fake.policies.set('ip filter FORWARD', 'drop')
  return fake
}

function stateOf(edits: readonly OptionEdit[]): DesiredState {
  const yaml = withEdits(BASE, edits)
  const valid = validate(yaml, 'router.yaml', MODULES)
  if (!valid.ok) throw new Error(formatIssues(valid.issues, yaml, { color: false }))
  const uses = valid.modules.map(({ name, config }) => {
    const module = MODULES.find((one) => one.name === name)
    if (!module) throw new Error(`no module ${name}`)
    return { module, config, image: `sekisho/${name}:0123456789ab` }
  })
  const compiled = compile(normalise(valid.config), uses)
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.issues))
  // No judge lives in a folder.
  return { ...compiled.desired, checks: [] }
}

async function run(fake: FakeMachine, desired: DesiredState): Promise<void> {
  const result = await apply({
    host: fake.host,
    desired,
    source: '',
    ensureImages: async (images) => {
      for (const image of images) fake.images.add(image)
    },
  })
  expect(result).toMatchObject({ ok: true })
}

/** Everything there is but the history: what is in the generation in use is seen through `current`. */
function look(fake: FakeMachine) {
  const { files, ...rest } = fake.snapshot()
  const current = Object.entries(files).find(([path]) => path === '/etc/sekisho/current')?.[1]
  const generation = current?.replace('-> ', '/etc/sekisho/')
  const shown = Object.entries(files).flatMap(([path, text]) => {
    if (path === '/etc/sekisho/current' || path === '/etc/sekisho/confirmed') return [[path, 'generation']]
    if (!path.startsWith('/etc/sekisho/generations/')) return [[path, text]]
    if (generation === undefined || !path.startsWith(`${generation}/`)) return []
    // Who made it, when and why is history.
    if (path === `${generation}/meta.json`) return []
    return [[path.replace(generation, 'generation'), text]]
  })
  return structuredClone({ ...rest, files: Object.fromEntries(shown) as Record<string, string> })
}

test('every option of router.yaml and of each module is in the list', () => {
  const listed = new Set([...optionsIn(BASE, OPTION_EDITS), 'version'])
  expect(allOptions().length).toBeGreaterThan(80)
  expect(allOptions().filter((option) => !listed.has(option))).toEqual([])
})

describe('put in and taken out again, it leaves nothing', () => {
  test.each(OPTION_EDITS)('$name', async (edit) => {
    const fake = debian()
    await run(fake, stateOf([]))
    const before = look(fake)
    await run(fake, stateOf([edit]))
    expect(look(fake)).not.toEqual(before)
    await run(fake, stateOf([]))
    expect(look(fake)).toEqual(before)
  })
})

it('gives the machine back to the byte, whatever it was a router for', async () => {
  const edits = fc
    .constantFrom('dhcp', 'static', 'vlan')
    .chain((group) => fc.subarray(OPTION_EDITS.filter((edit) => edit.group === group)))
  await fc.assert(
    fc.asyncProperty(fc.array(edits, { minLength: 1, maxLength: 3 }), async (routers) => {
      const fake = debian()
      const bare = look(fake)
      for (const each of routers) await run(fake, stateOf(each))
      await run(fake, NOTHING)
      const { files, ...rest } = look(fake)
      // Data of modules stays until somebody says otherwise, and the images until the program goes.
      const data = Object.keys(files).filter((path) => path.startsWith('/var/lib/sekisho/'))
      for (const path of data) delete files[path]
      expect({ ...rest, files }).toEqual(bare)
      expect(await nothingToDo(fake)).toBe(true)
    }),
    { numRuns: process.env.SEKISHO_FULL ? 100 : 6 },
  )
}, 300_000)

async function nothingToDo(fake: FakeMachine): Promise<boolean> {
  const changes = fake.changes
  await run(fake, NOTHING)
  // A lock that is taken, and a link that is not there, change nothing.
  return fake.changes - changes <= 1
}
