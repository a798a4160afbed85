import { open, readdir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Refusal } from '../move/refusal.ts'
import { hasCode } from '../router/host.ts'
import type { Installation } from './installation.ts'
import { MAX_DUMP_BYTES } from './lease-dump.ts'
import type { Source } from './source.ts'

/** Files of configuration are small; what is larger is none. */
const MAX_TEXT_BYTES = 1024 * 1024
const MAX_FILES = 200

/** Reads the files of an old installation: a config.json, or a folder that has them as they lay there or below etc/. */
export async function readInstallation(path: string): Promise<Installation> {
  const info = await stat(path).catch((error: unknown) => {
    throw new Refusal(
      `${path} cannot be read: ${(error as Error).message}`,
      'name a config.json or a folder',
      { cause: error },
    )
  })
  if (!info.isDirectory()) return ofFile(path)
  const text = (...names: readonly string[]) => firstOf(path, names)
  const both = (name: string) => [`etc/${name}`, name]
  const folder = (name: string, wanted: RegExp) => filesIn(path, both(name), wanted)
  const dumps = (await namesIn(path)).filter((name) => name.endsWith('.sql')).slice(0, 1)
  const found: Installation = {
    config: await text('config.json'),
    compose: await text('docker-compose.yml', 'docker-compose.yaml', 'compose.yaml', 'compose.yml'),
    fluent: await text('fluentd/fluent.conf', 'fluent.conf'),
    kea: await text('kea/kea-config.json', 'kea-config.json'),
    unbound: await text('unbound/unbound.conf', 'unbound.conf'),
    iptables: await text(...both('network/iptables'), ...both('iptables/rules.v4'), 'iptables'),
    hostname: await text('etc/hostname'),
    papSecrets: await text(...both('ppp/pap-secrets')),
    chapSecrets: await text(...both('ppp/chap-secrets')),
    interfaces: [
      ...[await text(...both('network/interfaces'), 'interfaces')].filter((source) => source !== undefined),
      ...(await folder('network/interfaces.d', /^[\w.-]+$/)),
    ],
    peers: await folder('ppp/peers', /^[\w.-]+$/),
    rsyslog: await folder('rsyslog.d', /^[\w.-]+\.conf$/),
    dumps: await Promise.all(
      dumps.map(async (name) => ({ file: name, bytes: await bytesOf(join(path, name), MAX_DUMP_BYTES) })),
    ),
    unread: (await Promise.all(both('network/ip6tables').map((name) => text(name)))).flatMap(
      (source) => source?.file ?? [],
    ),
  }
  const isEmpty = !found.config && !found.kea && found.interfaces.length === 0
  if (isEmpty)
    throw new Refusal(
      `${path} has neither config.json nor kea/kea-config.json nor etc/network/interfaces`,
      'name the folder of the old installation, or its config.json',
    )
  return found
}

async function ofFile(path: string): Promise<Installation> {
  const config = { file: basename(path), text: await textOf(path) }
  return { config, interfaces: [], peers: [], rsyslog: [], dumps: [], unread: [] }
}

/** The first of some files that is there. */
async function firstOf(base: string, names: readonly string[]): Promise<Source | undefined> {
  for (const name of names) {
    const info = await stat(join(base, name)).catch(() => undefined)
    if (info?.isFile()) return { file: name, text: await textOf(join(base, name)) }
  }
  return undefined
}

/** Files of the first of some folders that has any. */
async function filesIn(base: string, folders: readonly string[], wanted: RegExp): Promise<Source[]> {
  for (const folder of folders) {
    const names = (await namesIn(join(base, folder))).filter((name) => wanted.test(name)).slice(0, MAX_FILES)
    const sources = await Promise.all(names.map((name) => firstOf(base, [`${folder}/${name}`])))
    const found = sources.filter((source) => source !== undefined)
    if (found.length > 0) return found
  }
  return []
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort()
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return []
    throw error
  }
}

async function textOf(path: string): Promise<string> {
  const bytes = await bytesOf(path, MAX_TEXT_BYTES)
  if (bytes.length > MAX_TEXT_BYTES)
    throw new Refusal(`${path} has more than ${MAX_TEXT_BYTES} bytes`, 'is it the file that you mean?')
  return bytes.toString('utf8').replace(/^\ufeff/, '')
}

/** The bytes of a file, or one more than `most` of one that is too large (a device has no end). */
async function bytesOf(path: string, most: number): Promise<Buffer> {
  const handle = await open(path)
  try {
    const parts: Buffer[] = []
    for (let left = most + 1; left > 0; ) {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(Math.min(left, 65_536)))
      if (bytesRead === 0) break
      parts.push(buffer.subarray(0, bytesRead))
      left -= bytesRead
    }
    return Buffer.concat(parts)
  } finally {
    await handle.close()
  }
}
