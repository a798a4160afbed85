import { path, record, string } from '../../lib/json-fields.ts'
import { isKindName, type KindName } from '../records/kinds.ts'

/** A receiver of the Forward protocol to which records are sent on. */
export interface ForwardTarget {
  /** "host:port" as router.yaml has it: the receiver's name in the status and in the cursor's file. */
  readonly address: string
  readonly host: string
  readonly port: number
  /** Only records of these kinds; absent for all. */
  readonly kinds?: readonly KindName[]
  /** Entries are compressed with gzip on their way (CompressedPackedForward). */
  readonly compress: boolean
  readonly tls?: TlsFiles
  readonly sharedKeyFile?: string
  readonly username?: string
  readonly passwordFile?: string
}

export interface TlsFiles {
  /** The certificate authorities to trust, in place of those that Node.js knows. */
  readonly caFile?: string
  /** Our own certificate and its key, for a receiver that asks for one. */
  readonly certFile?: string
  readonly keyFile?: string
  /** The name that the receiver's certificate is for, when it is not the host's. */
  readonly serverName?: string
}

/** Reads a target of recorder.json; throws on what our own renderer did not write. */
export function parseForwardTarget(value: unknown): ForwardTarget {
  const all = record(value, 'forwardTo')
  const { kinds, compress, tls, username } = all
  const address = string(all.address, 'forwardTo.address')
  const { host, port } = splitAddress(address)
  if (typeof compress !== 'boolean') throw new Error('forwardTo.compress is not a boolean')
  return {
    address,
    host,
    port,
    ...(kinds !== undefined && { kinds: parseKinds(kinds) }),
    compress,
    ...(tls !== undefined && { tls: parseTls(record(tls, 'forwardTo.tls')) }),
    ...optionalPath(all, 'sharedKeyFile'),
    ...(username !== undefined && { username: string(username, 'forwardTo.username') }),
    ...optionalPath(all, 'passwordFile'),
  }
}

/** "host:port", "192.0.2.1:24224" or "[2001:db8::1]:24224" in its parts. */
function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:]+)):(\d{1,5})$/.exec(address)
  const host = match?.[1] ?? match?.[2]
  if (host === undefined) throw new Error('forwardTo.address is not host:port')
  return { host, port: Number(match?.[3]) }
}

function parseKinds(value: unknown): KindName[] {
  if (!Array.isArray(value)) throw new Error('forwardTo.kinds is not a list')
  return value.map((kind) => {
    const name = string(kind, 'forwardTo.kinds')
    if (!isKindName(name)) throw new Error(`there is no kind ${name}`)
    return name
  })
}

function parseTls(all: Record<string, unknown>): TlsFiles {
  return {
    ...optionalPath(all, 'caFile'),
    ...optionalPath(all, 'certFile'),
    ...optionalPath(all, 'keyFile'),
    ...(all.serverName !== undefined && { serverName: string(all.serverName, 'forwardTo.tls.serverName') }),
  }
}

function optionalPath<K extends string>(
  all: Record<string, unknown>,
  key: K,
): { readonly [k in K]?: string } {
  const value = all[key]
  return (value === undefined ? {} : { [key]: path(value, `forwardTo.${key}`) }) as { [k in K]?: string }
}
