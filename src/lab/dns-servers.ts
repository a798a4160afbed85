import { readFile } from 'node:fs/promises'
import type { Host } from './host.ts'
import { SERVERS } from './topology.ts'
import { parentOf, providerResolverConfig, rootHints, ZONES, type Zone, zoneText } from './zones.ts'

const FOLDER = '/srv/dns'
const DAY_SECS = 86_400

export interface TrustFiles {
  /** The root's DNSKEY (its key-signing key), as unbound's trust-anchor-file takes it. */
  readonly anchor: string
  readonly hints: string
}

/** Signs every zone with fresh keys in the provider's host and writes the name servers' configuration. */
export async function prepareZones(isp: Host): Promise<TrustFiles> {
  const ds = new Map<string, string>()
  let anchor = ''
  for (const zone of ZONES) {
    const signed = await signZone(isp, zone, ds)
    if (signed === undefined) continue
    if (parentOf(zone) === undefined) anchor = signed.key
    else ds.set(zone.name, signed.ds)
  }
  for (const server of ['root', 'tld', 'dns'] as const) {
    await isp.writeFile(`${FOLDER}/nsd-${server}.conf`, nsdConfig(server))
  }
  const hints = rootHints()
  await isp.writeFile(`${FOLDER}/root.key`, anchor)
  await isp.writeFile(`${FOLDER}/root.hints`, hints)
  await isp.writeFile(`${FOLDER}/resolver.conf`, providerResolverConfig())
  return { anchor, hints }
}

/** Takes zones that `prepareZones` signed for another lab: `archive` is a tar of its folder. */
export async function restoreZones(isp: Host, archive: string): Promise<TrustFiles> {
  await isp.execOk(['sh', '-c', 'mkdir -p "$1" && tar -x -C "$1"', 'restore', FOLDER], {
    input: await readFile(archive),
  })
  const read = (name: string) => isp.execOk(['cat', `${FOLDER}/${name}`])
  return { anchor: await read('root.key'), hints: await read('root.hints') }
}

async function signZone(
  isp: Host,
  zone: Zone,
  ds: ReadonlyMap<string, string>,
): Promise<{ key: string; ds: string } | undefined> {
  const file = zoneFile(zone)
  await isp.writeFile(file, zoneText(zone, ds))
  if (zone.dnssec === 'unsigned') {
    await isp.execOk(['mv', file, `${file}.signed`])
    return undefined
  }
  const origin = `${zone.name}.`
  const keygen = ['env', '-C', FOLDER, 'ldns-keygen', '-r', '/dev/urandom', '-a', 'ECDSAP256SHA256']
  const ksk = `${FOLDER}/${(await isp.execOk([...keygen, '-k', origin])).trim()}`
  const zsk = `${FOLDER}/${(await isp.execOk([...keygen, origin])).trim()}`
  const now = Math.floor(Date.now() / 1000)
  // A lab may stay up for months, and begins a little before now for clocks that are behind.
  const [from, until] =
    zone.dnssec === 'expired'
      ? [now - 60 * DAY_SECS, now - 30 * DAY_SECS]
      : [now - DAY_SECS, now + 400 * DAY_SECS]
  const times = ['-i', String(from), '-e', String(until)]
  await isp.execOk(['ldns-signzone', '-o', origin, ...times, '-f', `${file}.signed`, file, zsk, ksk])
  if (zone.dnssec === 'bogus') {
    await isp.execOk([
      'sed',
      '-i',
      `s/${SERVERS.www.v4.replaceAll('.', '\\.')}/${SERVERS.www2.v4}/`,
      `${file}.signed`,
    ])
  }
  const key = await isp.execOk(['cat', `${ksk}.key`])
  return { key, ds: (await isp.execOk(['ldns-key2ds', '-n', '-2', `${ksk}.key`])).trim() }
}

function zoneFile(zone: Zone): string {
  return `${FOLDER}/${zone.name === '' ? 'root' : zone.name}.zone`
}

function nsdConfig(server: Zone['server']): string {
  const zones = ZONES.filter((zone) => zone.server === server).map(
    (zone) => `zone:\n  name: "${zone.name}."\n  zonefile: ${zoneFile(zone)}.signed\n`,
  )
  return `server:
  ip-address: ${SERVERS[server].v4}
  ip-address: ${SERVERS[server].v6}
  server-count: 1
  username: nsd
  pidfile: /run/nsd-${server}.pid
  zonesdir: ""
  zonelistfile: /var/lib/nsd/${server}.list
  xfrdfile: /var/lib/nsd/${server}.xfrd
  xfrdir: /var/lib/nsd
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
remote-control:
  control-enable: no
${zones.join('')}`
}
