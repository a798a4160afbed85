import { describe, expect, it } from 'vitest'
import { sampleRouter } from '../../../tests/sample-router.ts'
import { manifestOf } from '../generation/generation.ts'
import type { Inventory } from '../inventory.ts'
import { wantedLinks } from '../link-state.ts'
import { renderHostFiles } from '../render/host-files.ts'
import { renderNetworkd } from '../render/networkd.ts'
import { driftOf } from './drift.ts'

const CONF = 'modules/dns/dns.conf'
const SYSLOG = 'host/etc/rsyslog.d/60-dns.conf'
const NFT = 'chain input: tcp dport 22 accept\nchain input: drop\n'

const router = sampleRouter()
const files = [
  ...[...renderNetworkd(router), ...renderHostFiles(router)].map(({ path, text }) => ({ path, text })),
  { path: CONF, text: 'a\n' },
  { path: SYSLOG, text: '# dns\n' },
  { path: 'host/etc/sysctl.d/90-sekisho.conf', text: 'net.ipv4.tcp_x = 300\n-net.not.there = 1\n' },
  { path: 'host/etc/tmpfiles.d/sekisho.conf', text: 'd /run/sekisho/dns 0750 0 0 -\n' },
].map((file) => ({ ...file, mode: 0o644, owner: 'core' }))
const textOf = (place: string) => files.find(({ path }) => path === `host${place}`)?.text
const HOSTS = textOf('/etc/hosts')?.trim()
const manifest = manifestOf({
  files,
  units: [
    { name: 'sekishod.service', owner: 'core', enable: true },
    { name: 'later.timer', owner: 'core', enable: false },
  ],
  volumes: [{ path: '/var/lib/sekisho/dns/data', owner: 'dns', uid: 0, gid: 0, mode: 0o750, backup: true }],
  images: [{ owner: 'dns', image: 'sekisho/dns:1' }],
  services: [{ owner: 'dns', name: 'dns' }],
  checks: [],
  restarts: [],
})

/** The machine right after this generation was applied. */
function machine(): Inventory & { current: NonNullable<Inventory['current']> } {
  const places = manifest.places.map((place) => [
    place.path,
    place.kind === 'link'
      ? { kind: 'link' as const, target: place.target }
      : { kind: 'file' as const, mode: place.mode, uid: 0, gid: 0, sha256: place.sha256 },
  ])
  const links = wantedLinks(files).map(({ device, addresses, bridge }) => [
    device,
    { addresses, ...(bridge && { bridge }) },
  ])
  return {
    limited: false,
    current: {
      number: 7,
      manifest,
      files: Object.fromEntries(files.map(({ path, text, mode }) => [path, { text, mode }])),
      drift: [],
      live: { nft: NFT, services: { dns: 'hash' } },
      source: undefined,
    },
    confirmed: 7,
    down: false,
    found: { links: {}, sysctls: {} },
    generations: [7],
    places: Object.fromEntries(places),
    saved: [],
    merged: {
      '/etc/hosts': `${HOSTS} # sekisho\n`,
      '/etc/docker/daemon.json': textOf('/etc/docker/daemon.json'),
    },
    savedMerged: {},
    savedSysctls: {},
    sysctls: {
      'net/ipv4/tcp_x': '300',
      'net/ipv4/ip_forward': '1',
      'net/ipv6/conf/all/forwarding': '1',
      'net/not/there': undefined,
    },
    units: { 'sekishod.service': { active: 'active', load: 'loaded' } },
    nft: NFT,
    services: { dns: { state: 'running', health: 'healthy', configHash: 'hash' } },
    missingImages: [],
    volumes: { '/var/lib/sekisho/dns/data': { kind: 'directory', uid: 0, gid: 0, mode: 0o750 } },
    missingRun: [],
    hostname: 'gate',
    links: Object.fromEntries(links),
    takeover: [],
    lapsed: [],
    blockers: [],
  }
}

function without<T>(all: Readonly<Record<string, T>>, key: string): Record<string, T> {
  return Object.fromEntries(Object.entries(all).filter(([name]) => name !== key))
}

type Machine = ReturnType<typeof machine>

describe('driftOf', () => {
  it('finds nothing on a machine that is as apply left it, nor on one before the first apply', () => {
    expect(driftOf(machine())).toEqual([])
    expect(driftOf({ ...machine(), current: undefined })).toEqual([])
  })

  const generation =
    (change: (current: Machine['current']) => Partial<Machine['current']>) => (own: Machine) => ({
      ...own,
      current: { ...own.current, ...change(own.current) },
    })
  const cases: readonly (readonly [string, (own: Machine) => Inventory, string])[] = [
    [
      'an edited file',
      generation(({ files: own }) => ({
        drift: [CONF],
        files: { ...own, [CONF]: { text: 'b\n', mode: 0o644 } },
      })),
      'modules/dns/dns.conf was edited',
    ],
    [
      'a file with another mode',
      generation(({ files: own }) => ({
        drift: [CONF],
        files: { ...own, [CONF]: { text: 'a\n', mode: 0o666 } },
      })),
      'modules/dns/dns.conf has another mode, 666',
    ],
    [
      'a file that is gone',
      generation(({ files: own }) => ({ drift: [CONF], files: without(own, CONF) })),
      'modules/dns/dns.conf was removed',
    ],
    [
      'a link that is gone',
      (own) => ({
        ...own,
        places: { ...own.places, '/etc/systemd/network/10-sekisho-wan.network': undefined },
      }),
      '/etc/systemd/network/10-sekisho-wan.network was removed',
    ],
    [
      'a file in place of our link',
      (own) => ({
        ...own,
        places: {
          ...own.places,
          '/etc/sysctl.d/90-sekisho.conf': { kind: 'file', mode: 0o644, uid: 0, gid: 0 },
        },
      }),
      '/etc/sysctl.d/90-sekisho.conf is no longer our link',
    ],
    [
      'a copy that was edited',
      (own) => ({
        ...own,
        places: {
          ...own.places,
          '/etc/rsyslog.d/60-dns.conf': { kind: 'file', mode: 0o644, uid: 0, gid: 0, sha256: 'x' },
        },
      }),
      '/etc/rsyslog.d/60-dns.conf was edited',
    ],
    [
      'our line taken out of /etc/hosts',
      (own) => ({ ...own, merged: { ...own.merged, '/etc/hosts': '127.0.0.1 localhost\n' } }),
      'our part of /etc/hosts was changed',
    ],
    [
      'a data directory',
      (own) => ({ ...own, volumes: { '/var/lib/sekisho/dns/data': undefined } }),
      'the data directory /var/lib/sekisho/dns/data is gone',
    ],
    [
      'a runtime directory',
      (own) => ({ ...own, missingRun: ['/run/sekisho/dns'] }),
      '/run/sekisho/dns is gone',
    ],
    ['no firewall', (own) => ({ ...own, nft: undefined }), 'the firewall table is not loaded'],
    ['another rule', (own) => ({ ...own, nft: `${NFT}x\n` }), 'rules of the firewall table were changed'],
    [
      'an apply that did not end',
      generation(() => ({ live: undefined })),
      'whether the firewall table is as it was left is not known',
    ],
    [
      'a kernel setting',
      (own) => ({ ...own, sysctls: { ...own.sysctls, 'net/ipv4/tcp_x': '30' } }),
      'kernel setting net/ipv4/tcp_x is 30, not 300',
    ],
    [
      'forwarding',
      (own) => ({ ...own, sysctls: { ...own.sysctls, 'net/ipv4/ip_forward': '0' } }),
      'kernel setting net/ipv4/ip_forward is 0, not 1',
    ],
    ['the host name', (own) => ({ ...own, hostname: 'x\u001b[2J' }), 'the host name is x\\x1b[2J, not gate'],
    [
      'a bridge',
      (own) => ({
        ...own,
        links: Object.fromEntries(Object.entries(own.links ?? {}).filter(([name]) => name !== 'br-home')),
      }),
      'br-home is missing',
    ],
    [
      'a unit',
      (own) => ({ ...own, units: { 'sekishod.service': { active: 'inactive', load: 'loaded' } } }),
      'sekishod.service is inactive',
    ],
    ['a container that is gone', (own) => ({ ...own, services: {} }), 'container dns is not there'],
    [
      'a container that stopped',
      (own) => ({ ...own, services: { dns: { state: 'exited', health: '', configHash: 'hash' } } }),
      'container dns is exited',
    ],
    [
      'a container that was made anew',
      (own) => ({ ...own, services: { dns: { state: 'running', health: '', configHash: 'other' } } }),
      'container dns was changed by hand',
    ],
    [
      'a container that is not ours',
      (own) => ({
        ...own,
        services: { ...own.services, odd: { state: 'running', health: '', configHash: '' } },
      }),
      'container odd is in our project and not of ours',
    ],
    ['an image', (own) => ({ ...own, missingImages: ['sekisho/dns:1'] }), 'the image sekisho/dns:1 is gone'],
  ]
  it.each(cases)('%s', (_, change, says) => {
    expect(driftOf(change(machine())).map((drift) => drift.says)).toEqual([says])
  })

  it('names the rules that came and went', () => {
    const own = machine()
    const nft = 'chain input: tcp dport 23 accept comment "\u001b[2J"\nchain input: drop\n'
    expect(driftOf({ ...own, nft }).find(({ what }) => what === 'firewall')?.lines).toEqual([
      '- chain input: tcp dport 22 accept',
      '+ chain input: tcp dport 23 accept comment "\\x1b[2J"',
    ])
    const many = Array.from({ length: 40 }, (_, i) => `chain x: ${i}\n`).join('')
    expect(
      driftOf({ ...own, nft: NFT + many })
        .find(({ what }) => what === 'firewall')
        ?.lines?.at(-1),
    ).toBe('and 28 more')
  })
})
