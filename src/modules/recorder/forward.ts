import { z } from 'zod'
import type { Issue } from '../../config/issue.ts'
import { FilePath } from '../../config/schema.ts'
import type { Router } from '../../router/model.ts'
import type { ComposeService, Listen, ModuleOutput, Mount } from '../../router/module.ts'
import { checkNetworks } from './networks.ts'

const LOOPBACK = '127.0.0.1'
const SHARED_KEY = '/run/secrets/forward-shared-key'
const USERS = '/run/secrets/forward-users'

/** Fluentd's Forward protocol: which senders, besides those on the router itself, and what they have to know. */
export const ForwardConfig = z.strictObject({
  port: z.int().min(1).max(65535).default(24224).describe('TCP, and UDP for the heartbeats of old clients'),
  networks: z
    .array(z.string())
    .default([])
    .describe('Networks whose hosts may send events; programs on the router always may'),
  shared_key_file: FilePath.optional().describe(
    "A file with the key that every sender has to know, root's and mode 0400",
  ),
  users_file: FilePath.optional().describe('A file with a line "name:password" for each user who may send'),
})
export type ForwardConfig = z.output<typeof ForwardConfig>

/** Unknown networks, a port that another source has, users without a key, and a network in which anybody may send. */
export function checkForward(config: ForwardConfig, router: Router, taken: readonly number[]): Issue[] {
  const path = ['modules', 'recorder', 'forward']
  const issues = checkNetworks(config.networks, router, path)
  if (taken.includes(config.port))
    issues.push({
      path: [...path, 'port'],
      message: `the recorder has port ${config.port} for something else`,
      fix: 'choose another port, like 24224',
    })
  if (config.users_file !== undefined && config.shared_key_file === undefined)
    issues.push({
      path: [...path, 'users_file'],
      message: 'users are asked for only together with a shared key',
      fix: 'add shared_key_file',
    })
  if (config.networks.length > 0 && config.shared_key_file === undefined)
    issues.push({
      path: [...path, 'networks'],
      message: `every host of ${config.networks.join(', ')} can write records, under any tag`,
      fix: 'add shared_key_file, unless you trust them all',
      severity: 'warning',
    })
  return issues
}

/** The Forward server's part of recorder.json. */
export function forwardSettings(config: ForwardConfig, router: Router) {
  const { port, shared_key_file, users_file } = config
  return {
    port,
    addresses: forwardAddresses(config, router),
    ...(shared_key_file !== undefined && {
      credentials: { sharedKeyFile: SHARED_KEY, ...(users_file !== undefined && { usersFile: USERS }) },
    }),
  }
}

export function forwardListens(config: ForwardConfig, router: Router): Listen[] {
  const addresses = forwardAddresses(config, router)
  return (['tcp', 'udp'] as const).map((protocol) => ({ protocol, port: config.port, addresses }))
}

/** The secrets lie on the host and are seen by the container alone: no plan and no image has them. */
export function forwardMounts({ shared_key_file, users_file }: ForwardConfig): Mount[] {
  return [
    ...(shared_key_file === undefined ? [] : [hostFile(shared_key_file, SHARED_KEY)]),
    ...(users_file === undefined ? [] : [hostFile(users_file, USERS)]),
  ]
}

export function forwardOpenings({ networks, port }: ForwardConfig): ModuleOutput['openings'] {
  return [...new Set(networks)].flatMap((from) =>
    (['tcp', 'udp'] as const).map((protocol) => ({
      from,
      protocol,
      port,
      why: protocol === 'tcp' ? "events by Fluentd's Forward protocol" : "heartbeats of Fluentd's clients",
    })),
  )
}

function forwardAddresses({ networks }: ForwardConfig, router: Router): string[] {
  const open = router.networks.filter(({ name }) => networks.includes(name))
  return [LOOPBACK, ...open.flatMap(({ address, ula }) => [address, ...(ula ? [ula.address] : [])])]
}

function hostFile(source: string, target: string): NonNullable<ComposeService['mounts']>[number] {
  return { kind: 'host', source, target }
}
