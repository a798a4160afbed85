import { intro, outro, select } from '@clack/prompts'
import { formatIssues } from '../config/format.ts'
import { migrate } from '../config/migrate.ts'
import type { BackupManifest } from '../move/manifest.ts'
import { completeMap, type PortMap, readMaps } from '../move/port-map.ts'
import { otherMentions, renamePorts, type UsedPort, usedPorts } from '../move/port-names.ts'
import { Refusal } from '../move/refusal.ts'
import { PATHS } from '../router/paths.ts'
import { choice, given } from './init.ts'
import { judge } from './judge.ts'
import { canAsk } from './passphrase.ts'
import type { HostPort } from './ports.ts'

interface AdaptOptions {
  /** The archive, for the command that a refusal proposes. */
  readonly file: string
  /** --map options. */
  readonly maps: readonly string[]
  /** Of this machine. */
  readonly ports: readonly HostPort[]
}

/** router.yaml for this machine: its ports get the names that they have here. */
export async function adaptPorts(
  archived: string,
  manifest: BackupManifest,
  { file, maps, ports }: AdaptOptions,
): Promise<string> {
  const migrated = migrate(archived, PATHS.config)
  if (!migrated.ok) {
    const [issue] = migrated.issues
    throw new Refusal(`its router.yaml cannot be used: ${issue?.message}`, issue?.fix ?? 'upgrade Sekisho')
  }
  // The names of ports are found in the format that we know.
  const text = migrated.migration?.text ?? archived
  const before = judge(text)
  const here = ports.map(({ name }) => name)
  const used = usedPorts(text)
  const given = readMaps(
    maps,
    used.map(({ name }) => name),
    here,
  )
  const { map, missing } = completeMap(given, used, here)
  const names = missing.length === 0 ? map : await askOrRefuse(map, missing, manifest, { file, maps, ports })
  for (const [old, now] of names) process.stderr.write(`  ${old} of the backup is ${now} here\n`)
  const renamed = renamePorts(text, names)
  const moved = new Set([...names].filter(([old, now]) => old !== now).map(([old]) => old))
  for (const path of otherMentions(text, moved))
    process.stderr.write(`warning: router.yaml names an old port at ${path} too: look whether it is meant\n`)
  const after = judge(renamed)
  if (after.ok) return renamed
  process.stderr.write(formatIssues(after.issues, renamed, { color: process.stderr.isTTY }))
  if (before.ok) throw new Refusal('with these ports router.yaml is wrong', 'choose other ports')
  process.stderr.write(
    'warning: router.yaml had mistakes when it was backed up; mend them before you apply\n',
  )
  return renamed
}

async function askOrRefuse(
  map: PortMap,
  missing: readonly UsedPort[],
  manifest: BackupManifest,
  { file, maps, ports }: AdaptOptions,
): Promise<PortMap> {
  const free = (names: PortMap) => ports.filter(({ name }) => ![...names.values()].includes(name))
  if (!canAsk() || !process.stdout.isTTY || free(map).length < missing.length) {
    for (const { name, uses } of missing)
      process.stderr.write(`in the backup: ${oldPort(name, uses, manifest)}\n`)
    for (const port of free(map)) process.stderr.write(`on this machine: ${choice(port).label}\n`)
    const known = ({ name }: UsedPort) => `${likely(name, free(map), manifest)?.name ?? 'PORT'}=${name}`
    const options = [...maps, ...missing.map(known)].map((one) => `--map ${one}`)
    throw new Refusal(
      `this machine has no port ${missing.map(({ name }) => name).join(', ')}`,
      free(map).length < missing.length
        ? 'add network ports to this machine, or take networks out of router.yaml before the backup'
        : `say which port is which: sekisho restore ${file} ${options.join(' ')}`,
    )
  }
  intro('sekisho restore')
  const chosen = new Map(map)
  for (const { name, uses } of missing) {
    const choices = free(chosen)
    const initial = likely(name, choices, manifest)?.name
    const answer = given(
      await select({
        message: `Which port is ${oldPort(name, uses, manifest)}?`,
        options: choices.map(choice),
        ...(initial !== undefined && { initialValue: initial }),
      }),
    )
    if (answer === undefined) throw new Refusal('nothing was restored', 'run it again, or say --map NEW=OLD')
    chosen.set(name, answer)
  }
  outro('Every port has its place.')
  return chosen
}

function oldPort(name: string, uses: readonly string[], { ports }: BackupManifest): string {
  const port = ports.find((one) => one.name === name)
  const words = [uses.join(', '), port?.mac, port?.driver, port?.bus].filter(
    (word) => word !== undefined && word !== '',
  )
  return `${name} (${words.join(', ')})`
}

/** The same hardware under another name; it is suggested, and never taken without a word. */
function likely(name: string, ports: readonly HostPort[], manifest: BackupManifest): HostPort | undefined {
  const mac = manifest.ports.find((port) => port.name === name)?.mac
  return ports.find((port) => mac !== undefined && mac !== '' && port.mac === mac)
}
