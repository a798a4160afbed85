import { z } from 'zod'
import type { Issue } from '../config/issue.ts'
import { HOST_ROOTS } from './desired.ts'
import type { Router } from './model.ts'
import type { ModuleOutput } from './module.ts'

/*
 * What a module's build() returns, judged before it is used. TypeScript cannot do it: Node runs a user's module.ts
 * without looking at its types.
 */

/** No empty, "." or ".." part, and nothing that a file or a command line would read as more than a path. */
function isClean(path: string): boolean {
  const inside = path.startsWith('/') ? path.slice(1) : path
  return /^[\x21-\x7e]+$/.test(path) && inside.split('/').every((part) => !['', '.', '..'].includes(part))
}

function isHostPath(path: string): boolean {
  return HOST_ROOTS.some((root) => (root.endsWith('/') ? path.startsWith(root) : path === root))
}

const Inside = z
  .string()
  .refine((path) => !path.startsWith('/') && isClean(path), 'must be a path inside its own folder')
const HostPath = z
  .string()
  .refine(
    (path) => path.startsWith('/') && isClean(path) && isHostPath(path),
    `must be under one of ${HOST_ROOTS.join(' ')}`,
  )
const Absolute = z.string().regex(/^\/[^\0\n]*$/, 'must be an absolute path')
const PortNumber = z.int('must be a port, 1 to 65535').min(1).max(65535)
const Protocol = z.enum(['tcp', 'udp'])
const Owner = z.string().regex(/^\d+:\d+$/, 'must be "uid:gid" in numbers')
const Mode = z.int().min(0).max(0o7777)
const Unit = z
  .string()
  .regex(/^[A-Za-z0-9@_.-]+\.(service|timer|socket|path|target|mount)$/, 'must be the name of a unit')
const Words = z.array(z.string())

const File = { text: z.string(), mode: Mode.optional(), secret: z.boolean().optional() }

const Mount = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('file'), file: z.string(), target: Absolute }),
  z.strictObject({ kind: z.literal('data'), volume: z.string(), target: Absolute }),
  z.strictObject({
    kind: z.literal('run'),
    name: z
      .string()
      .regex(/^[a-z][a-z0-9]*$/, 'must be lower-case letters and digits')
      .optional(),
    target: Absolute,
  }),
  z.strictObject({
    kind: z.literal('host'),
    source: Absolute,
    target: Absolute,
    writable: z.boolean().optional(),
  }),
  z.strictObject({
    kind: z.literal('tmpfs'),
    target: Absolute,
    sizeBytes: z.int().min(1).optional(),
    mode: Mode.optional(),
  }),
])

const Service = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]*$/, 'must be lower-case letters, digits and "-"'),
  image: z.string().regex(/^\S+$/, 'must be "build" or the reference of an image'),
  command: Words.optional(),
  entrypoint: Words.optional(),
  environment: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string()).optional(),
  user: Owner.optional(),
  capabilities: z
    .array(z.string().regex(/^[A-Z_]+$/, 'must be a capability like NET_BIND_SERVICE'))
    .optional(),
  network: z.enum(['host', 'containers', 'none']).optional(),
  publish: z.array(z.strictObject({ protocol: Protocol, port: PortNumber, target: PortNumber })).optional(),
  listens: z.array(z.strictObject({ protocol: Protocol, port: PortNumber, addresses: Words.optional() })),
  mounts: z.array(Mount).optional(),
  health: z.strictObject({
    test: Words.min(1),
    intervalSecs: z.number().positive().optional(),
    timeoutSecs: z.number().positive().optional(),
    retries: z.int().min(1).optional(),
    startSecs: z.number().min(0).optional(),
  }),
  dependsOn: Words.optional(),
  stopSecs: z.number().min(0).optional(),
  pause: z.string().max(200).optional(),
  memoryBytes: z.int().min(1).optional(),
})

const Output = z.strictObject({
  files: z.array(z.strictObject({ path: Inside, ...File })),
  host: z
    .strictObject({
      files: z.array(z.strictObject({ path: HostPath, ...File })).optional(),
      sysctls: z
        .record(z.string().regex(/^-?[A-Za-z0-9_./*-]+$/), z.string().regex(/^[^\n]*$/, 'must be one line'))
        .optional(),
      units: z
        .array(z.strictObject({ name: Unit, text: z.string(), enable: z.boolean().optional() }))
        .optional(),
      restarts: z.array(Unit).optional(),
    })
    .optional(),
  services: z.array(Service),
  openings: z.array(
    z.strictObject({
      from: z.string(),
      protocol: Protocol,
      port: PortNumber,
      published: z.boolean().optional(),
      why: z.string(),
    }),
  ),
  logs: z.array(z.strictObject({ kind: z.string(), file: z.string() })),
  data: z.array(
    z.strictObject({
      name: Inside,
      owner: Owner.optional(),
      mode: Mode.optional(),
      backup: z.union([z.boolean(), z.array(Inside).min(1)]),
      secret: z.boolean().optional(),
    }),
  ),
  agentRequests: z.boolean().optional(),
  checks: z.array(z.strictObject({ service: z.string(), command: Words.min(1), why: z.string() })).optional(),
})

/**
 * What is wrong with the output of a module named `name`, as issues at its place in router.yaml. `hasImage` says
 * whether its folder has a Dockerfile.
 */
export function checkOutput(name: string, output: ModuleOutput, router: Router, hasImage: boolean): Issue[] {
  const shape = Output.safeParse(output)
  const found = shape.success
    ? contradictions(name, output, router, hasImage)
    : shape.error.issues.map(({ path, message }) => [path.map(String).join('.') || 'the whole', message])
  return found.map(([where, message]) => ({
    path: ['modules', name],
    message: `its build() returns ${where}: ${message}`,
    fix: 'mend its module.ts; the contract is in src/router/module.ts',
  }))
}

type Found = readonly [where: string, message: string]

function contradictions(name: string, output: ModuleOutput, router: Router, hasImage: boolean): Found[] {
  const found: Found[] = []
  const services = new Set(output.services.map((service) => service.name))
  const zones = new Set(['networks', 'wan', ...router.networks.map((network) => network.name)])
  found.push(
    ...repeated(
      'files',
      output.files.map((file) => file.path),
    ),
  )
  found.push(
    ...repeated(
      'services',
      output.services.map((service) => service.name),
    ),
  )
  found.push(
    ...repeated(
      'data',
      output.data.map((volume) => volume.name),
    ),
  )
  for (const [i, service] of output.services.entries()) {
    const at = `services.${i}`
    if (service.name !== name && !service.name.startsWith(`${name}-`))
      found.push([`${at}.name`, `"${service.name}" must be "${name}" or begin with "${name}-"`])
    if (service.image === 'build' && !hasImage)
      found.push([`${at}.image`, '"build" needs a Dockerfile in the folder of the module'])
    if (service.network === 'host' && service.publish?.length)
      found.push([
        `${at}.publish`,
        'a service on the network of the host publishes nothing: say what it listens on',
      ])
    if (service.network === 'none' && (service.publish?.length || service.listens.length > 0))
      found.push([`${at}.network`, 'a service without a network listens on no port and publishes none'])
    for (const other of service.dependsOn ?? [])
      if (!services.has(other))
        found.push([`${at}.dependsOn`, `there is no service "${other}" in this module`])
    for (const [j, mount] of (service.mounts ?? []).entries()) {
      if (mount.kind === 'file' && !output.files.some((file) => file.path === mount.file))
        found.push([`${at}.mounts.${j}`, `"${mount.file}" is not among its files`])
      if (mount.kind === 'data' && !output.data.some((volume) => volume.name === mount.volume))
        found.push([`${at}.mounts.${j}`, `"${mount.volume}" is not among its data`])
    }
  }
  for (const [i, { from, published, protocol, port }] of output.openings.entries()) {
    if (!zones.has(from))
      found.push([`openings.${i}.from`, `there is no zone "${from}"; there are ${[...zones].join(', ')}`])
    const publishes = output.services.some((service) =>
      service.publish?.some((one) => one.protocol === protocol && one.port === port),
    )
    if (published && !publishes)
      found.push([`openings.${i}`, `no service of it publishes ${protocol} port ${port}`])
  }
  for (const [i, { service }] of (output.checks ?? []).entries())
    if (!services.has(service))
      found.push([`checks.${i}.service`, `there is no service "${service}" in this module`])
  return found
}

function repeated(where: string, names: readonly string[]): Found[] {
  const twice = names.filter((name, i) => names.indexOf(name) !== i)
  return [...new Set(twice)].map((name): Found => [where, `"${name}" is there more than once`])
}
