import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { formatIssues } from '../src/config/format.ts'
import { validate } from '../src/config/validate.ts'
import { MODULES } from '../src/modules.ts'
import { type ApplyResult, apply } from '../src/router/apply/apply.ts'
import { compile } from '../src/router/compile.ts'
import type { DesiredState } from '../src/router/desired.ts'
import { normalise } from '../src/router/normalise.ts'
import { FakeMachine } from './fake-machine.ts'

/** A Debian machine with one file of the user's in each place where ours will be. */
export function fakeDebian(root: string): FakeMachine {
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

/** What a router.yaml with our own modules asks for, but for their checks: no judge lives in a folder. */
export function desiredOfYaml(yaml: string): DesiredState {
  const valid = validate(yaml, 'router.yaml', MODULES)
  if (!valid.ok) throw new Error(formatIssues(valid.issues, yaml, { color: false }))
  const uses = valid.modules.map(({ name, config }) => {
    const module = MODULES.find((one) => one.name === name)
    if (!module) throw new Error(`no module ${name}`)
    return { module, config, image: `sekisho/${name}:0123456789ab` }
  })
  const compiled = compile(normalise(valid.config), uses)
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.issues))
  return { ...compiled.desired, checks: [] }
}

/** Applies a desired state to the machine that is a folder. */
export function applyTo(fake: FakeMachine, desired: DesiredState): Promise<ApplyResult> {
  return apply({
    host: fake.host,
    desired,
    source: '',
    ensureImages: async (images) => {
      for (const image of images) fake.images.add(image)
    },
  })
}
