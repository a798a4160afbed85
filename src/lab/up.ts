import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ensureBundle } from '../build/bundle.ts'
import { ensurePackages } from '../build/debian.ts'
import { withFileLock } from '../lib/file-lock.ts'
import { run } from '../lib/run.ts'
import { buildNamespaces, startHosts } from './build-lab.ts'
import { removeLab } from './down.ts'
import { configureRouter, installBundle, isInstalled } from './install-router.ts'
import { findLab, type Lab } from './lab.ts'
import { labPlaces, type Places } from './places.ts'
import { labRecipe } from './recipe.ts'
import { hostsRootfs, routerRootfs } from './rootfs.ts'
import { CLIENTS } from './topology.ts'
import { hold, labChecks } from './verify.ts'
import { routerParts, treeParts } from './vm/parts.ts'

/** On the building machine: the machine's container, network tools, and what runs them. */
const TOOLS = ['mmdebstrap', 'systemd-container', 'iproute2', 'util-linux', 'procps', 'kmod']

/** What the router's kernel must have; the machine inside has no modules of its own to load. */
const MODULES = `
  overlay veth bridge br_netfilter nf_conntrack nf_conntrack_netlink nf_nat nf_tables
  nft_chain_nat nft_ct nft_fib_inet nft_limit nft_log nft_masq nft_nat nft_redir
  nft_reject_inet nft_compat nfnetlink_log xt_addrtype xt_conntrack xt_MASQUERADE ip_tables
  ip6_tables iptable_nat iptable_filter ip6table_filter
`

export interface UpOptions {
  readonly places?: Places
  readonly onProgress: (line: string) => void
  /** Stop before installing: a Debian machine that never saw Sekisho. */
  readonly bare?: boolean
  /** The router machine as a virtual one, with a kernel of its own, instead of a container. */
  readonly vm?: boolean
}

/**
 * Brings the lab up, or checks one that is up and brings its router to this checkout's state. Resolves when
 * everything in verify.ts holds; when it throws after the router has booted, the lab stays for inspection.
 */
export async function up({
  places = labPlaces(),
  onProgress,
  bare = false,
  vm = false,
}: UpOptions): Promise<Lab> {
  if (process.getuid?.() !== 0)
    throw new Error('the lab makes namespaces and boots a machine. Fix: run it as root')
  await ensurePackages(TOOLS, onProgress)
  // A kernel with all of it built in knows no modules; what is truly missing shows when the rules load.
  await run(['modprobe', '--all', '--quiet', ...MODULES.trim().split(/\s+/)]).catch(() => undefined)
  const [router, hosts, bundle] = await Promise.all([
    routerRootfs((line) => onProgress(`router tree: ${line}`)),
    hostsRootfs((line) => onProgress(`hosts tree: ${line}`)),
    bare ? undefined : ensureBundle((line) => onProgress(`bundle: ${line}`)),
  ])
  const onVm = (line: string) => onProgress(`virtual machine: ${line}`)
  const parts = !vm
    ? undefined
    : bundle === undefined
      ? await treeParts('lab-vm-bare', router, onVm)
      : await routerParts(router, bundle, up, onVm)
  const made = { trees: { router, hosts }, ...(parts && { vm: parts }) }
  return withFileLock(
    places.lock,
    async () => {
      const recipe = labRecipe(made)
      const lab =
        (await reusable(places, recipe, onProgress)) ?? (await create(places, recipe, made, onProgress))
      if (bundle === undefined) return lab
      await bringRouterUp(lab, bundle, onProgress)
      // They gave up asking while it booted, and would begin again in a minute or two.
      if (vm) for (const name of CLIENTS) await lab.renew(name)
      for (const check of labChecks(lab)) {
        const patience = check.patience * (vm ? 10 : 1)
        const seen = await hold({ ...check, patience }).catch((error: unknown) => {
          throw new Error(`${check.what}: ${messageOf(error)}`)
        })
        onProgress(`${check.what}: ${seen}`)
      }
      return lab
    },
    { onWait: () => onProgress('waiting for another command on this lab') },
  )
}

async function reusable(
  places: Places,
  recipe: string,
  onProgress: (line: string) => void,
): Promise<Lab | undefined> {
  const lab = await findLab(places)
  if (lab === undefined) return undefined
  const why =
    lab.state.recipe !== recipe
      ? 'it was made from other sources'
      : !lab.router.isOn()
        ? 'its router machine is off'
        : (await lab.isp.failedServices()).join('; ')
  if (why === '') {
    onProgress(`lab ${places.id} is up`)
    return lab
  }
  onProgress(`lab ${places.id} is up but ${why}: beginning again`)
  return undefined
}

async function create(
  places: Places,
  recipe: string,
  made: Pick<Lab['state'], 'trees' | 'vm'>,
  onProgress: (line: string) => void,
): Promise<Lab> {
  if (await removeLab(places)) onProgress('removed what an earlier lab left')
  const { lab, stay } = await buildNamespaces(places, recipe, made)
  onProgress(`lab ${places.id}: namespaces and cables`)
  // Interrupted, the lab goes at once; killed, it ends by itself and only its folders wait for the next command.
  const interrupted = () => {
    void removeLab(places).finally(() => process.exit(130))
  }
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted)
  try {
    await lab.router.start()
    await startHosts(lab)
    onProgress('provider, attacker and clients run')
    const state = await lab.router.booted()
    onProgress(`router machine booted: ${state}`)
    if (state !== 'running') {
      const look = ['systemctl', 'status', '--state=failed', '--no-pager', '--full', '--lines=5']
      const failed = (await lab.router.exec(look)).stdout
      throw new Error(`the bare router machine is ${state}: ${failed}`)
    }
    const sick = await lab.isp.failedServices()
    if (sick.length > 0) throw new Error(`the provider's services failed: ${sick.join('; ')}`)
  } catch (error) {
    await removeLab(places)
    throw error
  } finally {
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted)
  }
  stay()
  return lab
}

async function bringRouterUp(lab: Lab, bundle: string, onProgress: (line: string) => void): Promise<void> {
  const installed = await isInstalled(lab.router, bundle)
  const confirmed = await lab.router.exec(['test', '-e', '/etc/sekisho/confirmed'])
  // An apply that failed last time is tried again.
  if (installed && confirmed.code === 0) return
  if (!installed) {
    onProgress('installing the bundle on the router')
    await installBundle(lab.router, bundle, onProgress)
  }
  await configureRouter(lab)
  onProgress('sekisho apply')
  const applied = await lab.apply()
  const said = `${applied.stdout}${applied.stderr}`.trim()
  const log = join(lab.places.disk, 'apply.log')
  await writeFile(log, `${said}\n`)
  if (applied.code !== 0) {
    const end = said.split('\n').slice(-12).join('\n')
    throw new Error(
      `sekisho apply ended with code ${applied.code}; all of it is in ${log}, the end is:\n${end}`,
    )
  }
  onProgress(applied.stdout.trim().split('\n').at(-1) ?? '')
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
