import { z } from 'zod'
import type { Issue } from '../../config/issue.ts'
import type { Router } from '../../router/model.ts'
import { defineModule } from '../../router/module.ts'
import { type Capture, captureArguments, HEALTH } from './render.ts'

const MiB = 1024 * 1024
const PATH = ['modules', 'softflowd']

export const softflowd = defineModule({
  name: 'softflowd',
  summary: 'Sees packets at interfaces and exports their flows as NetFlow v5, v9 or IPFIX',
  extra: true,
  config: z.strictObject({
    interfaces: z
      .array(z.string().max(64))
      .max(16)
      .optional()
      .describe('Networks, "wan", or ports; default: every network'),
    export: z
      .strictObject({
        version: z.literal([5, 9, 10]).default(9).describe('NetFlow 5 or 9, or 10 for IPFIX'),
        to: z
          .string()
          .max(260)
          .refine(isTarget, '"recorder", or an address with a port like 192.0.2.9:2055')
          .default('recorder')
          .describe('"recorder" for whoever takes NetFlow on this router, or host:port'),
      })
      .prefault({}),
    sampling: z.int().min(1).max(65_535).default(1).describe('One of so many packets is looked at'),
    max_life_secs: z
      .int()
      .min(10)
      .max(86_400)
      .default(300)
      .describe('A connection that lasts longer gets a record each time this has passed'),
  }),
  check: ({ config, router, provided }) => {
    const known = namesOf(router)
    const issues: Issue[] = (config.interfaces ?? []).flatMap((name, i) =>
      deviceOf(name, router) === undefined
        ? [
            {
              path: [...PATH, 'interfaces', i],
              message: `there is no network, port or WAN ${JSON.stringify(name)}`,
              fix: `use one of ${known.join(', ')}`,
            },
          ]
        : [],
    )
    const captures = capturesOf(config.interfaces, router)
    for (const [i, { device }] of captures.entries()) {
      if (captures.findIndex((other) => other.device === device) === i) continue
      issues.push({
        path: [...PATH, 'interfaces'],
        message: `${device} is meant twice: each packet would count twice`,
        fix: 'name each interface once',
      })
    }
    if (config.export.to === 'recorder' && provided('netflow').length === 0)
      issues.push({
        path: [...PATH, 'export'],
        message: 'no module takes NetFlow',
        fix: 'add the module recorder, or say to: host:port',
      })
    if (config.export.version === 5)
      issues.push({
        path: [...PATH, 'export', 'version'],
        message: 'NetFlow v5 has no IPv6: connections over it are not exported',
        fix: 'use 9 or 10',
        severity: 'warning',
      })
    return issues
  },
  build({ config, router, provided }) {
    const [own] = provided('netflow')
    const { to } = config.export
    const { host, port } =
      to === 'recorder' ? { host: own?.address ?? '127.0.0.1', port: own?.port ?? 2055 } : targetOf(to)
    const captures = capturesOf(config.interfaces, router)
    return {
      files: [],
      services: captures.map((capture) => ({
        name: `softflowd-${capture.name}`,
        image: 'build',
        command: captureArguments(capture, {
          version: config.export.version,
          host,
          port,
          sampling: config.sampling,
          maxLifeSecs: config.max_life_secs,
        }),
        // In the foreground it stays who it is: uid 0 without any right but that to read packets.
        user: '0:0',
        capabilities: ['NET_RAW'],
        network: 'host',
        listens: [],
        mounts: [{ kind: 'tmpfs', target: '/run/softflowd', sizeBytes: MiB, mode: 0o700 }],
        health: { test: HEALTH, intervalSecs: 60, timeoutSecs: 5 },
        stopSecs: 5,
        pause: `packets of about 1 s at ${capture.device} are not counted`,
        memoryBytes: 64 * MiB,
      })),
      openings: [],
      logs: [],
      data: [],
    }
  },
})

/** Where to capture, each with a name for its container. */
function capturesOf(
  interfaces: readonly string[] | undefined,
  router: Router,
): (Capture & { readonly name: string })[] {
  const names = interfaces ?? router.networks.map(({ name }) => name)
  return names.flatMap((name, i) => {
    const device = deviceOf(name, router)
    if (device === undefined) return []
    return [{ device, index: i + 1, name: name.toLowerCase().replace(/[^a-z0-9-]/g, '-') }]
  })
}

function deviceOf(name: string, { networks, wan }: Router): string | undefined {
  if (name === 'wan') return wan.device
  const network = networks.find((one) => one.name === name)
  if (network) return network.device
  const members = [wan.member, ...networks.flatMap((one) => one.members)]
  return members.find(({ device, port }) => device === name || port === name) ? name : undefined
}

function namesOf({ networks, wan }: Router): string[] {
  const ports = [wan.member, ...networks.flatMap(({ members }) => members)].map(({ device }) => device)
  return [...new Set([...networks.map(({ name }) => name), 'wan', ...ports])]
}

function isTarget(text: string): boolean {
  if (text === 'recorder') return true
  const { host, port } = targetOf(text)
  const name = /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(host)
  const v6 = host.includes(':') && text.startsWith('[') && URL.canParse(`http://[${host}]`)
  return (name || v6) && port >= 1 && port <= 65_535
}

function targetOf(text: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text)
  return { host: match?.[1] ?? match?.[2] ?? '', port: Number(match?.[3] ?? 0) }
}
