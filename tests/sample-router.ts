import type { z } from 'zod'
import type { Network, Router } from '../src/router/model.ts'
import type { Context, ModuleOutput, Provided, RouterModule } from '../src/router/module.ts'
import { PATHS } from '../src/router/paths.ts'

/** The first network of the samples: bridged, with pools, reservations and a ULA. */
export const HOME: Network = {
  name: 'home',
  device: 'br-home',
  bridged: true,
  members: [
    { port: 'lan0', device: 'lan0' },
    { port: 'lan1', device: 'lan1' },
  ],
  subnetId: 1,
  address: '10.0.0.1',
  prefixLength: 24,
  prefix: '10.0.0.0/24',
  broadcast: '10.0.0.255',
  dhcp: {
    pools: [{ first: '10.0.0.129', last: '10.0.0.254' }],
    leaseSecs: 43_200,
    reservations: [
      { name: 'printer', mac: '02:00:5e:10:00:07', address: '10.0.0.7' },
      { name: 'nas', mac: '02:00:5e:10:00:08', address: '10.0.0.200' },
    ],
  },
  ula: { prefix: 'fd12:3456:789a:1::/64', address: 'fd12:3456:789a:1::1' },
  routerAccess: ['ssh', 'ping'],
}

/** A second one: a single tagged port, two pools, another lease time. */
export const GUEST: Network = {
  name: 'guest',
  device: 'lan1.20',
  bridged: false,
  members: [{ port: 'lan1', vlan: 20, device: 'lan1.20' }],
  subnetId: 2,
  address: '10.0.20.1',
  prefixLength: 23,
  prefix: '10.0.20.0/23',
  broadcast: '10.0.21.255',
  dhcp: {
    pools: [
      { first: '10.0.20.100', last: '10.0.20.199' },
      { first: '10.0.21.10', last: '10.0.21.20' },
    ],
    leaseSecs: 3600,
    reservations: [],
  },
  ula: { prefix: 'fd12:3456:789a:2::/64', address: 'fd12:3456:789a:2::1' },
  routerAccess: ['ping'],
}

/** A home with two networks behind a WAN with DHCP; `changes` replace whole fields. */
export function sampleRouter(changes: Partial<Router> = {}): Router {
  return {
    hostname: 'gate',
    domain: 'home.arpa',
    timezone: 'UTC',
    ulaPrefix: 'fd12:3456:789a::/48',
    wan: {
      config: { mode: 'dhcp', interface: 'wan0', block_private: 'auto', ipv6: 'auto' },
      device: 'wan0',
      member: { port: 'wan0', device: 'wan0' },
      ipv6: true,
      mtu: 1500,
    },
    networks: [HOME, GUEST],
    firewall: { deny: [], allow: [], forwards: [], pinholes: [] },
    containerPool: '172.16.0.0/12',
    ...changes,
  }
}

/** Who writes a status file for those that show metrics. */
export const METRICS: readonly Provided[] = ['recorder', 'watch'].map((module) => ({
  capability: 'metrics',
  module,
  file: `${PATHS.run}/${module}/status.json`,
}))

/** Who archives records. */
export const RECORDS: Provided = {
  capability: 'records',
  module: 'recorder',
  directory: `${PATHS.data}/recorder/records`,
  site: 'gate',
}

/** The context a module sees for this configuration as the file has it; throws when its schema refuses it. */
export function contextFor<S extends z.ZodType>(
  module: RouterModule<S>,
  config: unknown,
  router: Router = sampleRouter(),
  provided: readonly Provided[] = [],
): Context<z.output<S>> {
  return {
    config: module.config.parse(config),
    router,
    provided: (capability) => provided.filter((p) => p.capability === capability),
    dataPath: (volume) => `${PATHS.data}/${module.name}/${volume}`,
    runPath: `${PATHS.run}/${module.name}`,
  }
}

/** A module's output as golden files: its own files under their paths, all the rest as output.json. */
export function goldenOf({ files, ...rest }: ModuleOutput): Record<string, string> {
  return {
    ...Object.fromEntries(files.map((file) => [file.path, file.text])),
    'output.json': `${JSON.stringify(rest, null, 2)}\n`,
  }
}
