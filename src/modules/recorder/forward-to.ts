import { z } from 'zod'
import type { Issue } from '../../config/issue.ts'
import { FilePath } from '../../config/schema.ts'
import { isNear } from '../../lib/origin.ts'
import type { HostFile, Mount } from '../../router/module.ts'

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost'])
const SECRETS = '/run/secrets'

/** Of records: a test holds them equal to those of the recorder. */
const KINDS = [
  'dns',
  'flows',
  'netflow',
  'drops',
  'syslog',
  'container',
  'dhcp',
  'events',
  'devices',
] as const

const Receiver = z.strictObject({
  address: z
    .string()
    .max(260)
    .refine(isAddress, 'an address with a port, like logs.example.org:24224 or [2001:db8::1]:24224')
    .describe('Where a Fluentd, Fluent Bit or Vector takes the Forward protocol'),
  kinds: z
    .array(z.enum(KINDS))
    .min(1)
    .max(KINDS.length)
    .optional()
    .describe('Only these kinds of records; default: all'),
  compress: z.enum(['gzip', 'none']).default('gzip').describe('How events are compressed on their way'),
  tls: z
    .strictObject({
      ca_file: FilePath.optional().describe(
        'Whom to trust, as PEM; default: the authorities that everybody knows',
      ),
      cert_file: FilePath.optional().describe('Our own certificate, for a receiver that asks for one'),
      key_file: FilePath.optional().describe("Its key, root's and mode 0400"),
      server_name: z
        .string()
        .regex(/^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/, 'a name like logs.example.org')
        .optional()
        .describe("The name in the receiver's certificate, when it is not the address's"),
    })
    .optional()
    .describe('Over TLS'),
  shared_key_file: FilePath.optional().describe("The key that the receiver asks for, root's and mode 0400"),
  username: z
    .string()
    .min(1)
    .max(200)
    .regex(/^[\x20-\x7e]*$/, 'a name of printable ASCII')
    .optional(),
  password_file: FilePath.optional().describe("That user's password, root's and mode 0400"),
})

/** Receivers of Fluentd's Forward protocol that get the records too. */
export const ForwardTo = z.array(Receiver).max(8).default([])
export type ForwardTo = z.output<typeof ForwardTo>
type Receiver = z.output<typeof Receiver>

/** Receivers named twice, keys without their halves, the recorder itself, and what would go in the clear. */
export function checkForwardTo(list: ForwardTo, ownPort: number): Issue[] {
  return list.flatMap((receiver, i) => {
    const at = (...key: string[]) => ['modules', 'recorder', 'forward_to', i, ...key]
    const { address, tls, username, password_file, shared_key_file } = receiver
    const issues: Issue[] = []
    if (list.findIndex((other) => other.address === address) < i)
      issues.push({
        path: at('address'),
        message: `${address} is here twice`,
        fix: 'name each receiver once',
      })
    if (isOwn(address, ownPort))
      issues.push({
        path: at('address'),
        message: 'this is where the recorder itself takes events: each record would come again as an event',
        fix: 'name another receiver',
      })
    if ((username === undefined) !== (password_file === undefined))
      issues.push({
        path: at(username === undefined ? 'password_file' : 'username'),
        message: 'a user needs a name and a password',
        fix: `add ${username === undefined ? 'username' : 'password_file'}`,
      })
    if (username !== undefined && shared_key_file === undefined)
      issues.push({
        path: at('username'),
        message: 'users are asked for only together with a shared key',
        fix: 'add shared_key_file',
      })
    if (tls && (tls.cert_file === undefined) !== (tls.key_file === undefined))
      issues.push({
        path: at('tls'),
        message: 'a certificate of our own needs its key, and the other way round',
        fix: `add ${tls.cert_file === undefined ? 'cert_file' : 'key_file'}`,
      })
    if (!tls && !isNear(hostOf(address)))
      issues.push({
        path: at('address'),
        message: `${address} would get the records unencrypted`,
        fix: 'add tls: {}, unless the way there is safe otherwise',
        severity: 'warning',
      })
    return issues
  })
}

/** The receivers' part of recorder.json. */
export function forwardToSettings(list: ForwardTo): object[] {
  return list.map((receiver, i) => {
    const { address, kinds, compress, tls, username } = receiver
    const inside = (name: string) => `${SECRETS}/forward-to-${i}-${name}`
    return {
      address,
      ...(kinds && { kinds: [...new Set(kinds)] }),
      compress: compress === 'gzip',
      ...(tls && {
        tls: {
          ...(tls.ca_file !== undefined && { caFile: inside('ca') }),
          ...(tls.cert_file !== undefined && { certFile: inside('cert') }),
          ...(tls.key_file !== undefined && { keyFile: inside('key') }),
          ...(tls.server_name !== undefined && { serverName: tls.server_name }),
        },
      }),
      ...(receiver.shared_key_file !== undefined && { sharedKeyFile: inside('shared-key') }),
      ...(username !== undefined && { username }),
      ...(receiver.password_file !== undefined && { passwordFile: inside('password') }),
    }
  })
}

export function forwardToMounts(list: ForwardTo): Mount[] {
  return list.flatMap((receiver, i) =>
    filesOf(receiver).map(({ name, path }) => ({
      kind: 'host' as const,
      source: path,
      target: `${SECRETS}/forward-to-${i}-${name}`,
    })),
  )
}

export function forwardToFiles(list: ForwardTo): HostFile[] {
  return list.flatMap((receiver, i) =>
    filesOf(receiver).map(({ key, path, secret }) => ({
      key: ['forward_to', String(i), ...key],
      path,
      secret,
    })),
  )
}

/** The files that a receiver's section names. */
function filesOf({ tls, shared_key_file, password_file }: Receiver) {
  const all = [
    { key: ['tls', 'ca_file'], name: 'ca', path: tls?.ca_file, secret: false },
    { key: ['tls', 'cert_file'], name: 'cert', path: tls?.cert_file, secret: false },
    { key: ['tls', 'key_file'], name: 'key', path: tls?.key_file, secret: true },
    { key: ['shared_key_file'], name: 'shared-key', path: shared_key_file, secret: true },
    { key: ['password_file'], name: 'password', path: password_file, secret: true },
  ]
  return all.flatMap(({ path, ...rest }) => (path === undefined ? [] : [{ ...rest, path }]))
}

function isAddress(text: string): boolean {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)):(\d{1,5})$/.exec(
    text,
  )
  const port = Number(match?.[3])
  return port >= 1 && port <= 65_535 && (match?.[1] === undefined || URL.canParse(`http://[${match[1]}]`))
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '')
}

function isOwn(address: string, port: number): boolean {
  return LOOPBACK.has(hostOf(address)) && address.endsWith(`:${port}`)
}
