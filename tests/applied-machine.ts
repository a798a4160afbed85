import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { RouterConfig } from '../src/config/schema.ts'
import type { ApplyOptions, ApplyResult } from '../src/router/apply/apply.ts'
import { apply } from '../src/router/apply/apply.ts'
import type { DesiredState } from '../src/router/desired.ts'
import { normalise } from '../src/router/normalise.ts'
import { renderHostFiles, renderHostLinks } from '../src/router/render/host-files.ts'
import { renderNetworkd } from '../src/router/render/networkd.ts'
import { renderUnits } from '../src/router/render/units.ts'
import { FakeMachine } from './fake-machine.ts'

/*
 * A machine and states for it, for the tests of apply and of the ways back.
 */

const roots: string[] = []

/** Removes the machines; for `afterEach`. */
export function removeMachines(): void {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true, force: true })
}

export const INTERFACES =
  'source /etc/network/interfaces.d/*\n\nauto lo\niface lo inet loopback\n\nauto wan0\niface wan0 inet dhcp\n'

/** Debian as its installer leaves it, with files of the user's where ours will be. */
export function machine(): FakeMachine {
  const root = mkdtempSync(join(tmpdir(), 'sekisho-apply-'))
  roots.push(root)
  const fake = new FakeMachine(root, {
    files: {
      '/etc/hostname': 'debian\n',
      '/etc/hosts': '127.0.0.1\tlocalhost\n127.0.1.1\tdebian\n::1\tlocalhost\n',
      '/etc/resolv.conf': 'nameserver 192.0.2.53\n',
      '/etc/network/interfaces': INTERFACES,
      '/etc/docker/daemon.json': '{"debug": true, "log-driver": "syslog"}',
      '/etc/systemd/network/05-mine.network': '[Match]\nName=lan*\n\n[Network]\nDHCP=yes\n',
      '/etc/sekisho/router.yaml': 'version: 1\n',
      '/proc/sys/kernel/hostname': 'debian\n',
      '/proc/sys/kernel/random/boot_id': 'this boot\n',
      '/proc/sys/net/ipv4/ip_forward': '0\n',
      '/proc/sys/net/ipv6/conf/all/forwarding': '0\n',
      '/proc/sys/net/netfilter/nf_conntrack_acct': '0\n',
      '/run/x': '',
      '/var/lib/x': '',
      '/etc/rsyslog.d/x.conf': '',
      '/etc/sysctl.d/x.conf': '',
      '/etc/tmpfiles.d/x.conf': '',
      '/etc/modules-load.d/x.conf': '',
      '/etc/systemd/system/x.service': '',
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
  // As Docker leaves it where it was the one to switch forwarding on.
  fake.policies.set('ip filter FORWARD', 'drop')
  return fake
}

interface Variant {
  readonly modules: readonly string[]
  readonly hostname: string
  readonly guest: boolean
  readonly bridged: boolean
  readonly rule: number
}

const HOME: Variant = { modules: ['dns', 'log'], hostname: 'gate', guest: false, bridged: true, rule: 1 }

/** A small desired state, with everything that a module can bring. */
export function desired(variant: Partial<Variant> = {}): DesiredState {
  const { modules, hostname, guest, bridged, rule } = { ...HOME, ...variant }
  const router = normalise(
    RouterConfig.parse({
      version: 1,
      hostname,
      ula_prefix: 'fd12:3456:789a::/48',
      wan: { mode: 'dhcp', interface: 'wan0' },
      networks: {
        home: { interfaces: bridged ? ['lan0', 'lan1'] : ['lan0'], address: '10.0.0.1/24' },
        ...(guest && { guest: { interfaces: [{ name: 'lan0', vlan: 20 }], address: '10.0.20.1/24' } }),
      },
    }),
  )
  const file = (path: string, text: string, owner = 'core') => ({ path, text, mode: 0o644, owner })
  const services = Object.fromEntries(
    modules.map((name) => [
      name,
      {
        image: `sekisho/${name}:1`,
        labels: { files: hostname },
        volumes: [
          {
            type: 'bind',
            source: `/etc/sekisho/current/modules/${name}/a.conf`,
            target: '/a.conf',
            read_only: true,
          },
          { type: 'bind', source: `/var/lib/sekisho/${name}/data`, target: '/data' },
        ],
      },
    ]),
  )
  const units = renderUnits(router)
  return {
    files: [
      file('compose.yaml', stringify({ name: 'sekisho', services })),
      file('sekisho.nft', `table inet sekisho { # ${rule}\n}\n`),
      file('agent.json', JSON.stringify({ hostname })),
      file('host/etc/sysctl.d/90-sekisho.conf', 'net.netfilter.nf_conntrack_acct = 1\n-net.not.there = 1\n'),
      ...[...renderNetworkd(router), ...renderHostFiles(router)].map(({ path, text }) => file(path, text)),
      ...units.map((unit) => file(`host/etc/systemd/system/${unit.name}`, unit.text)),
      ...modules.flatMap((name) => [
        file(`modules/${name}/a.conf`, `for ${hostname}\n`, name),
        { ...file(`modules/${name}/key`, `secret of ${name}\n`, name), mode: 0o400, secret: true as const },
        file(`host/etc/rsyslog.d/50-${name}.conf`, `# ${name}\n`, name),
      ]),
    ].toSorted((a, b) => (a.path < b.path ? -1 : 1)),
    units: units.map(({ name, watches }) => ({
      name,
      owner: 'core',
      enable: true,
      ...(watches && { watches }),
    })),
    volumes: modules.map((name) => ({
      path: `/var/lib/sekisho/${name}/data`,
      owner: name,
      uid: process.getuid?.() ?? 0,
      gid: process.getgid?.() ?? 0,
      mode: 0o750,
      backup: true,
    })),
    images: modules.map((name) => ({ owner: name, image: `sekisho/${name}:1` })),
    services: modules.map((name) => ({
      owner: name,
      name,
      listens: [{ protocol: 'udp' as const, port: name === 'dns' ? 53 : 123 }],
    })),
    checks: modules.map((name) => ({
      owner: name,
      service: name,
      command: ['judge', '/a.conf'],
      why: `${name}'s file`,
    })),
    restarts: modules.map((name) => ({
      unit: 'rsyslog.service',
      path: `host/etc/rsyslog.d/50-${name}.conf`,
    })),
    links: renderHostLinks(router),
  }
}

/** Applies a state; every image is there for the asking. */
export function run(
  fake: FakeMachine,
  state: DesiredState,
  more: Partial<ApplyOptions> = {},
): Promise<ApplyResult> {
  return apply({
    host: fake.host,
    desired: state,
    source: 'version: 1\n',
    ensureImages: async (images) => {
      for (const image of images) fake.images.add(image)
    },
    ...more,
  })
}
