import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { FakeMachine } from '../../../tests/fake-machine.ts'
import { RouterConfig } from '../../config/schema.ts'
import { compile } from '../compile.ts'
import { describe as inWords } from '../describe.ts'
import { normalise } from '../normalise.ts'
import { apply } from './apply.ts'

const roots: string[] = []
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true, force: true })
})

function machine(): FakeMachine {
  const root = mkdtempSync(join(tmpdir(), 'sekisho-pppoe-'))
  roots.push(root)
  return new FakeMachine(root, {
    files: {
      '/proc/sys/kernel/hostname': 'gate\n',
      '/proc/sys/net/ipv4/ip_forward': '0\n',
      '/proc/sys/net/ipv6/conf/all/forwarding': '0\n',
      '/proc/sys/net/ipv4/conf/wan0/arp_ignore': '0\n',
      '/run/x': '',
      '/etc/docker/daemon.json': '{}',
      ...Object.fromEntries(
        ['sysctl.d', 'tmpfiles.d', 'modules-load.d', 'systemd/system', 'systemd/network'].map((folder) => [
          `/etc/${folder}/x`,
          '',
        ]),
      ),
    },
    units: {
      'systemd-networkd.service': { enabled: true, active: true },
      'docker.service': { enabled: true, active: true },
    },
  })
}

/** Makes the machine a router with this WAN and says what that did, in words. */
async function applied(fake: FakeMachine, wan: object): Promise<string> {
  const networks = { home: { interfaces: ['lan0'], address: '10.0.0.1/24' } }
  const config = RouterConfig.parse({
    version: 1,
    hostname: 'gate',
    wan: { interface: 'wan0', ...wan },
    networks,
  })
  const compiled = compile(normalise(config), [])
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.issues))
  const result = await apply({
    host: fake.host,
    desired: compiled.desired,
    source: '',
    ensureImages: async () => {},
  })
  if (!result.ok) throw new Error(`${result.message}\n${result.details.join('\n')}`)
  return inWords(result.plan)
}

const PPPOE = { mode: 'pppoe', username: 'user@isp.example', password_file: '/etc/sekisho/secrets/pppoe' }

it('starts a session, builds it anew for new options, and leaves nothing of it', async () => {
  const fake = machine()
  await applied(fake, { mode: 'dhcp' })
  const before = fake.tree('/etc')
  const links = (tree: Readonly<Record<string, string>>) =>
    Object.keys(tree).filter((path) => !path.startsWith('/etc/sekisho/'))

  const first = await applied(fake, PPPOE)
  expect(first).toContain('starts sekisho-pppoe.service')
  expect(first).toContain('reconfigures lan0, ppp-wan, wan0')
  expect(fake.units.get('sekisho-pppoe.service')).toMatchObject({ active: true })
  expect(fake.tree('/proc/sys/net/ipv4/conf/wan0')['/proc/sys/net/ipv4/conf/wan0/arp_ignore']).toMatch(
    / 8\n$/,
  )

  const second = await applied(fake, { ...PPPOE, lcp_echo_secs: 5 })
  expect(second).toContain('restarts sekisho-pppoe.service')
  expect(second).toContain('the WAN reconnects, which takes some seconds')

  const third = await applied(fake, { mode: 'dhcp' })
  expect(third).toContain('stops sekisho-pppoe.service')
  expect(links(fake.tree('/etc'))).toEqual(links(before))
  expect(fake.tree('/proc/sys/net/ipv4/conf/wan0')['/proc/sys/net/ipv4/conf/wan0/arp_ignore']).toMatch(
    / 0\n$/,
  )
})
