import { parse, stringify } from 'yaml'
import type { z } from 'zod'
import { RouterConfig } from '../src/config/schema.ts'
import { unwrap } from '../src/config/walk-schema.ts'
import { MODULES } from '../src/modules.ts'

/*
 * Every option of router.yaml and of each module, set to something else than in examples/lab.yaml: what the tests of
 * residue put in and take out again. An option that is new has to come in here: tests/unit/options.test.ts says so.
 */

export interface OptionEdit {
  readonly name: string
  /** Those of one group can be had together; the lab has the first two groups. */
  readonly group: 'dhcp' | 'static' | 'elsewhere'
  /** Why the lab cannot apply it; then the machine that is a folder does alone. */
  readonly notInTheLab?: string
  /** What it needs in the file, before and after it too: the data of a module stay when that goes. */
  readonly beside?: object
  /** Merged into the file: mappings key by key, anything else in place of what is there. */
  readonly patch: object
}

/** Secrets that options name; the lab's router gets them. */
export const SECRET_FILES = {
  '/root/secrets/s3': '[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = example\n',
  '/root/secrets/forward-key': 'example\n',
  '/root/secrets/forward-users': 'someone:example\n',
  '/root/secrets/mackerel': 'example\n',
  '/root/secrets/mackerel-id': '2eQGEaLxiYU\n',
  '/root/secrets/mackerel-ca': '',
  '/root/secrets/forward-password': 'example\n',
  '/root/secrets/tls-ca': 'example\n',
  '/root/secrets/tls-cert': 'example\n',
  '/root/secrets/tls-key': 'example\n',
} as const

const MiB = 1024 * 1024

export const OPTION_EDITS: readonly OptionEdit[] = [
  {
    name: 'names and time zone',
    group: 'dhcp',
    patch: {
      hostname: 'other',
      timezone: 'Europe/Paris',
      domain: 'lab.internal',
      generations: { keep: 12, max_bytes: 2 ** 30 },
    },
  },
  { name: 'another ULA prefix', group: 'dhcp', patch: { ula_prefix: 'fd4b:7a11:9c99::/48' } },
  {
    name: 'the WAN by DHCP',
    group: 'dhcp',
    patch: {
      wan: {
        mtu_bytes: 1400,
        mac: '02:00:5e:10:00:99',
        block_private: true,
        ipv6: 'off',
        watchdog: 'off',
      },
    },
  },
  {
    name: 'the WAN by PPPoE',
    group: 'elsewhere',
    notInTheLab: 'this kernel may have no PPP; tests/vm has a session',
    patch: {
      wan: {
        mode: 'pppoe',
        username: 'user@isp.example',
        password_file: '/root/secrets/pppoe',
        service_name: 'internet',
        ac_name: 'bras',
        lcp_echo_secs: 20,
        lcp_echo_failures: 5,
      },
    },
  },
  {
    name: 'a fixed WAN on another port',
    group: 'static',
    patch: {
      wan: {
        mode: 'static',
        interface: 'lan2',
        mtu_bytes: 1460,
        mac: '02:00:5e:10:00:98',
        block_private: false,
        ipv6: 'auto',
        address: '198.51.100.77/24',
        gateway: '198.51.100.1',
        dns: ['198.51.100.53'],
        address6: '2001:db8:0:1::77/64',
        gateway6: 'fe80::1',
        prefix6: '2001:db8:a00::/56',
      },
      networks: { home: { interfaces: ['lan0'] } },
    },
  },
  {
    name: 'networks',
    group: 'dhcp',
    patch: {
      networks: {
        home: {
          interfaces: ['lan0'],
          address: '10.0.7.1/24',
          subnet_id: 7,
          router_access: ['ssh'],
          dhcp: {
            pools: ['10.0.7.10 - 10.0.7.99'],
            lease_secs: 600,
            reservations: [{ name: 'printer', mac: '02:00:5e:70:00:01', address: '10.0.7.200' }],
          },
        },
        office: { interfaces: ['lan2'], address: '10.0.2.1/24', subnet_id: 3 },
      },
    },
  },
  {
    name: 'the firewall',
    group: 'static',
    patch: {
      firewall: {
        allow: [
          {
            from: 'home',
            to: 'guest',
            protocol: 'tcp',
            ports: [80, '6000-6010'],
            source: '10.0.0.0/24',
            destination: '10.0.1.9',
            why: 'test',
          },
        ],
        forwards: [
          {
            port: 8443,
            protocol: 'tcp+udp',
            to: '10.0.0.200',
            to_port: 443,
            source: '203.0.113.0/24',
            why: 'test',
          },
        ],
        pinholes: [
          { network: 'home', interface_id: '::5eff:fe30:1', protocol: 'udp', ports: [443], why: 'test' },
        ],
        deny: [
          {
            from: 'home',
            to: 'wan',
            protocol: 'tcp',
            ports: [25],
            source: '10.0.0.9',
            destination: '203.0.113.9',
            why: 'test',
          },
        ],
      },
      checks: [{ from: 'guest', to: 'home', protocol: 'tcp', ports: [443], expect: 'blocked', why: 'test' }],
    },
  },
  {
    name: 'tagged frames',
    group: 'elsewhere',
    notInTheLab: 'the running kernel has no VLAN devices',
    patch: {
      wan: { vlan: 10 },
      networks: { guest: { interfaces: [{ name: 'lan1', vlan: 20 }] } },
    },
  },
  {
    name: 'chrony',
    group: 'dhcp',
    patch: { modules: { chrony: { servers: ['192.0.2.123'], pools: ['pool.example.org'] } } },
  },
  {
    name: 'chrony and the clock',
    group: 'elsewhere',
    notInTheLab: 'its clock is that of the machine that the lab runs on',
    patch: { modules: { chrony: { set_clock: true } } },
  },
  {
    name: 'dashboard',
    group: 'dhcp',
    patch: {
      networks: { guest: { router_access: ['ssh', 'ping'] } },
      modules: { dashboard: { port: 8443, http_port: 8080, networks: ['guest'] } },
    },
  },
  {
    name: 'fluentd',
    group: 'elsewhere',
    notInTheLab: 'its image needs gems, and the lab reaches no gem server',
    patch: {
      modules: {
        fluentd: {
          forward: { port: 24226, networks: ['home'], shared_key_file: '/root/secrets/forward-key' },
          syslog: { port: 5515 },
          netflow: { port: 2057, networks: ['home'] },
          s3: {
            bucket: 'home-network',
            region: 'ap-northeast-1',
            endpoint: 'https://s3.example.org',
            prefix: 'logs/',
            credentials_file: '/root/secrets/s3',
          },
          mackerel: { api_key_file: '/root/secrets/mackerel', host_id_file: '/root/mackerel-id' },
          buffer_bytes: 128 * MiB,
        },
      },
    },
  },
  {
    name: 'fluentd for a service',
    group: 'elsewhere',
    notInTheLab: 'its image needs gems, and the lab reaches no gem server',
    patch: {
      modules: {
        fluentd: {
          forward: { port: 24226 },
          syslog: 'off',
          netflow: 'off',
          mackerel: { api_key_file: '/root/secrets/mackerel', service: 'home' },
        },
      },
    },
  },
  {
    name: 'kea',
    group: 'dhcp',
    patch: {
      modules: {
        kea: {
          dns_servers: ['198.51.100.53'],
          option_data: [
            { name: 'tftp-server-name', data: '10.0.0.5', always_send: true, networks: ['home'] },
            { code: 224, data: '0A0B', csv_format: false },
          ],
        },
      },
    },
  },
  {
    name: 'kea in a database',
    group: 'elsewhere',
    notInTheLab: 'leases are put back in two steps; tests/lab/leases.test.ts has it',
    beside: { modules: { mariadb: {} } },
    patch: { modules: { kea: { lease_database: 'mariadb' } } },
  },
  {
    name: 'unbound',
    group: 'dhcp',
    patch: {
      modules: {
        unbound: {
          forward_to: ['198.51.100.53'],
          private_domains: ['lan.example.org'],
          cache_bytes: 32 * MiB,
          trust_anchor_file: '/root/root.key',
          root_hints_file: '/root/root.hints',
        },
      },
    },
  },
  {
    name: 'recorder: what is taken and kept',
    group: 'static',
    patch: {
      modules: {
        recorder: {
          retention_days: 7,
          max_bytes: 64 * MiB,
          site: 'elsewhere',
          docker_root: '/root/docker',
          netflow: { port: 2056, networks: ['home'] },
          forward: {
            port: 24225,
            networks: ['home'],
            shared_key_file: '/root/secrets/forward-key',
            users_file: '/root/secrets/forward-users',
          },
          forward_to: [
            {
              address: '192.0.2.99:24224',
              kinds: ['dns'],
              compress: 'none',
              tls: {
                ca_file: '/root/secrets/tls-ca',
                cert_file: '/root/secrets/tls-cert',
                key_file: '/root/secrets/tls-key',
                server_name: 'logs.example.org',
              },
              shared_key_file: '/root/secrets/forward-key',
              username: 'someone',
              password_file: '/root/secrets/forward-password',
            },
          ],
        },
      },
    },
  },
  {
    name: 'recorder: the archive',
    group: 'static',
    patch: {
      modules: {
        recorder: {
          archive: {
            format: 'ndjson.gz',
            spool_bytes: 32 * MiB,
            budget_yen_per_month: 500,
            prices: {
              storage_gb_month: 0.02,
              put_1000: 0.005,
              get_1000: 0.0004,
              yen_per_dollar: 150,
              as_of: '2026-01-01',
            },
            s3: {
              bucket: 'home-network',
              region: 'ap-northeast-1',
              endpoint: 'https://s3.example.org',
              prefix: 'logs/',
              credentials_file: '/root/secrets/s3',
              path_style: false,
              server_side_encryption: 'aws:kms',
              kms_key_id: 'alias/logs',
            },
          },
        },
      },
    },
  },
  {
    name: 'softflowd',
    group: 'dhcp',
    patch: {
      modules: {
        softflowd: {
          interfaces: ['wan', 'home'],
          export: { version: 10, to: '192.0.2.99:4739' },
          sampling: 10,
          max_life_secs: 60,
        },
      },
    },
  },
  {
    name: 'watch',
    group: 'dhcp',
    patch: {
      modules: {
        watch: {
          dns: { timeout_secs: 7 },
          flows: { active_timeout_secs: 60, ipfix: { address: '192.0.2.99', port: 4740 } },
        },
      },
    },
  },
  {
    name: 'mackerel',
    group: 'dhcp',
    patch: {
      modules: {
        mackerel: {
          api_key_file: '/root/secrets/mackerel',
          host_id_file: '/root/secrets/mackerel-id',
          roles: ['home:router'],
          monitors: true,
          host_metrics: false,
          api_url: 'https://mackerel.example.org',
          ca_file: '/root/secrets/mackerel-ca',
          interval_secs: 30,
        },
      },
    },
  },
  {
    name: 'prometheus',
    group: 'dhcp',
    patch: {
      networks: { guest: { router_access: ['ssh', 'ping'] } },
      modules: { prometheus: { port: 9999, networks: ['guest'] } },
    },
  },
]

/** A router.yaml with these edits in it. */
export function withEdits(yaml: string, edits: readonly OptionEdit[]): string {
  const patches = edits.flatMap(({ beside = {}, patch }) => [beside, patch])
  return stringify(patches.reduce<unknown>(merged, parse(yaml)))
}

function merged(base: unknown, patch: unknown): unknown {
  if (!isMapping(base) || !isMapping(patch)) return patch
  const keys = new Set([...Object.keys(base), ...Object.keys(patch)])
  return Object.fromEntries(
    [...keys].map((key) => [key, key in patch ? merged(base[key], patch[key]) : base[key]]),
  )
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Every option there is, as paths: "networks.<name>.dhcp.pools", "modules.unbound.cache_bytes". */
export function allOptions(): string[] {
  return [
    ...optionsOf(RouterConfig, ''),
    ...MODULES.flatMap(({ name, config }) => optionsOf(config, `modules.${name}`)),
  ]
}

/** The options that an edit sets to something else than the file has. */
export function optionsIn(yaml: string, edits: readonly OptionEdit[]): string[] {
  const base: unknown = parse(yaml)
  return edits.flatMap(({ patch }) => pathsIn(base, patch, []))
}

function pathsIn(base: unknown, patch: unknown, path: readonly string[]): string[] {
  if (Array.isArray(patch) && patch.some(isMapping)) {
    return [
      path.join('.'),
      ...patch.flatMap((item) => (isMapping(item) ? pathsIn(undefined, item, path) : [])),
    ]
  }
  if (!isMapping(patch)) return JSON.stringify(base) === JSON.stringify(patch) ? [] : [path.join('.')]
  return [
    path.join('.'),
    ...Object.entries(patch).flatMap(([key, value]) =>
      pathsIn(isMapping(base) ? base[key] : undefined, value, [
        ...path,
        path.join() === 'networks' ? '<name>' : key,
      ]),
    ),
  ]
}

function optionsOf(schema: z.core.$ZodType, path: string): string[] {
  const below = (key: string) => (path === '' ? key : `${path}.${key}`)
  const found = unwrap(schema).flatMap((option) => {
    const { def } = (option as z.core.$ZodTypes)._zod
    if (def.type === 'object')
      return Object.entries(def.shape).flatMap(([key, child]) => [
        below(key),
        ...optionsOf(child, below(key)),
      ])
    // The modules' own keys are theirs.
    if (def.type === 'record') return path === 'modules' ? [] : optionsOf(def.valueType, below('<name>'))
    return def.type === 'array' ? optionsOf(def.element, path) : []
  })
  return [...new Set(found)]
}
