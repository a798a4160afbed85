import { readdir, readlink, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { linkedGeneration } from '../router/generation/generation.ts'
import { type Host, hasCode } from '../router/host.ts'
import { PATHS } from '../router/paths.ts'
import { activateRelease, installRelease } from './install.ts'

export interface UpgradeOptions {
  readonly host: Host
  /** A folder that stands for "/" (tests). */
  readonly root?: string
  /** Runs a release's own `sekisho` with these arguments on this terminal; its exit code. */
  readonly run: (release: string, args: readonly string[]) => Promise<number>
  readonly onProgress?: (line: string) => void
  /** Arguments for `sekisho apply`. */
  readonly applyArgs?: readonly string[]
}

export type UpgradeResult =
  | { readonly status: 'done'; readonly from: string; readonly to: string; readonly applied: boolean }
  | { readonly status: 'already'; readonly release: string }
  /** It did not go well; the old release is in use again, and what it had applied. */
  | { readonly status: 'back'; readonly from: string; readonly to: string; readonly failed: string }
  /** Not even the way back went well. */
  | { readonly status: 'stuck'; readonly from: string; readonly to: string; readonly failed: string }
  | { readonly status: 'refused'; readonly message: string; readonly fix: string }

/** What was before the last upgrade: for the way back by hand, and for one that a power cut ended. */
const Record = z.strictObject({
  version: z.literal(1),
  from: z.string().regex(/^\d[0-9A-Za-z.-]*$/),
  /** router.yaml as it was; absent when there was none. */
  config: z.string().optional(),
  /** It did not come to its end. */
  underWay: z.boolean(),
})
type Record = z.output<typeof Record>

const RECORD = `${PATHS.install}/upgrade.json`

/**
 * Moves to the release of a bundle: it is installed beside the one in use, checks the machine and applies router.yaml by
 * itself. When any of that fails, the old release is in use again and applies what it had applied: release and
 * generation together.
 */
export async function upgrade(bundle: string, options: UpgradeOptions): Promise<UpgradeResult> {
  const { host, root = '', onProgress } = options
  const inUse = await releaseInUse(root)
  if (inUse === undefined)
    return refused('sekisho is not installed on this machine', `sekisho install --bundle ${bundle}`)
  const waiting = await whyNotNow(host)
  if (waiting) return waiting
  const before = await readRecord(host)
  // After a power cut the new release may be in use and not applied: what was before is what the record says.
  const from = before?.underWay ? before.from : inUse
  const config = before?.underWay ? before.config : await host.read(PATHS.config)
  await writeRecord(host, { version: 1, from, ...(config !== undefined && { config }), underWay: true })
  const known = new Set(await otherReleases(root, from))
  // The newest ones stay: the one to go back to must be among them.
  await activateRelease(inUse, root)
  const installed = await installRelease({ bundle, root, ...(onProgress && { onProgress }) })
  if (installed.status === 'refused' || (installed.release === from && inUse === from)) {
    if (before) await writeRecord(host, before)
    else await host.remove(RECORD)
    return installed.status === 'refused' ? installed : { status: 'already', release: from }
  }
  const isNew = before?.underWay === true || !known.has(installed.release)
  return change({ ...options, from, to: installed.release, config, isNew })
}

/** Goes back by hand to the release before this one. */
export async function rollBackRelease(options: UpgradeOptions): Promise<UpgradeResult> {
  const { host, root = '', run, onProgress } = options
  const from = await releaseInUse(root)
  if (from === undefined)
    return refused('sekisho is not installed on this machine', 'sekisho install --bundle FILE')
  const record = await readRecord(host)
  const others = await otherReleases(root, from)
  const to = others.find((name) => name === record?.from) ?? others[0]
  if (to === undefined)
    return refused('no other release is installed', 'install the one you want with sekisho upgrade BUNDLE')
  const config = await host.read(PATHS.config)
  // What was changed in router.yaml since stays, if the older release can read it.
  if (config !== undefined && (await run(to, ['check', PATHS.config])) !== 0) {
    if (record?.config === undefined || record.from !== to)
      return refused(`release ${to} cannot read ${PATHS.config}`, 'change it so that it can, then try again')
    const kept = `${PATHS.config}.${from}`
    await host.write(kept, config, 0o644)
    await host.write(PATHS.config, record.config, 0o644)
    onProgress?.(`router.yaml is that of release ${to} again; what it was is ${kept}`)
  }
  await writeRecord(host, { version: 1, from, ...(config !== undefined && { config }), underWay: true })
  await activateRelease(to, root)
  return change({ ...options, from, to, config, isNew: false })
}

interface Change extends UpgradeOptions {
  readonly from: string
  readonly to: string
  /** router.yaml to go back to. */
  readonly config: string | undefined
  /** Whether `to` came with this upgrade, and goes when it does not do. */
  readonly isNew: boolean
}

/** `to` is in use: it has to show that it can apply, or `from` comes back. */
async function change(options: Change): Promise<UpgradeResult> {
  const { host, root = '', run, from, to, config, onProgress, applyArgs = [] } = options
  const hasApplied = (await linkedGeneration(host, PATHS.current)) !== undefined
  const steps: string[][] = [['install'], ...(hasApplied ? [['apply', ...applyArgs]] : [])]
  for (const args of steps) {
    const what = `sekisho ${args[0]} of release ${to}`
    onProgress?.(what)
    const code = await run(to, args)
    if (code === 0) continue
    const failed = `${what} ended with code ${code}`
    onProgress?.(`${failed}: going back to ${from}`)
    await activateRelease(from, root)
    if (config !== undefined && (await host.read(PATHS.config)) !== config)
      await host.write(PATHS.config, config, 0o644)
    // Nothing to do for it, unless the new release ended half way, or its agent still runs.
    const back = hasApplied ? await run(from, ['apply', ...applyArgs]) : 0
    await host.remove(RECORD)
    if (options.isNew) await host.removeTree(`${PATHS.install}/${to}`)
    return { status: back === 0 ? 'back' : 'stuck', from, to, failed }
  }
  await writeRecord(host, { version: 1, from, ...(config !== undefined && { config }), underWay: false })
  return { status: 'done', from, to, applied: hasApplied }
}

/** An upgrade changes the release and nothing else: what is not applied yet would be mixed up with it. */
async function whyNotNow(host: Host): Promise<UpgradeResult | undefined> {
  const current = await linkedGeneration(host, PATHS.current)
  if (current === undefined) return undefined
  if (current !== (await linkedGeneration(host, PATHS.confirmed)))
    return refused('the last apply is not confirmed', 'confirm it or roll it back first')
  const [config, applied] = await Promise.all([
    host.read(PATHS.config),
    host.read(`${PATHS.generations}/${current}/router.yaml`),
  ])
  if (config === applied || (await readRecord(host))?.underWay) return undefined
  return refused(
    `${PATHS.config} is not what was applied last`,
    'run "sekisho apply" first, or take the change back',
  )
}

async function releaseInUse(root: string): Promise<string | undefined> {
  return readlink(join(root, PATHS.install, 'current')).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  })
}

/** The other releases that are installed, the newest first. */
async function otherReleases(root: string, inUse: string): Promise<string[]> {
  const home = join(root, PATHS.install)
  const names = (await readdir(home)).filter((name) => /^\d.*-[0-9a-f]{12}$/.test(name) && name !== inUse)
  const dated = await Promise.all(
    names.map(async (name) => ({ name, time: (await stat(join(home, name))).mtimeMs })),
  )
  return dated.toSorted((a, b) => b.time - a.time).map(({ name }) => name)
}

async function readRecord(host: Host): Promise<Record | undefined> {
  try {
    return Record.parse(JSON.parse((await host.read(RECORD)) ?? ''))
  } catch {
    // None, or one that cannot be read: then nothing is known of before.
    return undefined
  }
}

function writeRecord(host: Host, record: Record): Promise<void> {
  return host.write(RECORD, `${JSON.stringify(record, null, 1)}\n`, 0o600)
}

function refused(message: string, fix: string): UpgradeResult {
  return { status: 'refused', message, fix }
}
