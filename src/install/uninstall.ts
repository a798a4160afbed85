import { type ApplyResult, apply } from '../router/apply/apply.ts'
import { NOTHING } from '../router/desired.ts'
import type { Host } from '../router/host.ts'
import { readCurrent } from '../router/observe.ts'
import { PATHS } from '../router/paths.ts'

export interface UninstallOptions {
  readonly host: Host
  /** Leaves what is the user's: /var/lib/sekisho, and of /etc/sekisho what no apply wrote. */
  readonly keepData: boolean
  readonly onProgress: (line: string) => void
}

export type UninstallResult =
  /** `left` is what could not be removed, in words. */
  { readonly ok: true; readonly left: readonly string[] } | Extract<ApplyResult, { ok: false }>

/** In /etc/sekisho, what apply made. */
const APPLIED = ['generations', 'current', 'confirmed', 'down', 'saved', 'takeover.json']

/**
 * Gives the machine back as it was before `sekisho install`. First the router goes as any change does, as a whole or
 * not at all; then images, data and files. The program itself is the last to go, so an uninstall that was cut
 * short can be run again.
 */
export async function uninstall({ host, keepData, onProgress }: UninstallOptions): Promise<UninstallResult> {
  const images = (await readCurrent(host))?.manifest.images ?? []
  const result = await apply({
    host,
    desired: NOTHING,
    source: '',
    ensureImages: async () => {},
    onProgress,
  })
  if (!result.ok) return result
  for (const { image } of images.filter((one) => !one.image.startsWith('sekisho/')))
    onProgress(`leaves the image ${image}: it may have been here before`)
  onProgress('removes the container images')
  const left = await removeImages(host)
  const trees = [
    ...(keepData ? APPLIED.map((name) => `/etc/sekisho/${name}`) : ['/etc/sekisho', PATHS.data]),
    // rsyslog's queues for the recorder: what was not taken before both went.
    ...(await ours(host, '/var/spool/rsyslog')),
    // The lock, and what else is only for this boot.
    ...(await ours(host, '/run')),
    // The agent's and the command line's compiled code.
    '/var/cache/sekisho',
  ]
  for (const path of trees) {
    if (!(await host.stat(path))) continue
    onProgress(`removes ${path}`)
    await host.removeTree(path)
  }
  onProgress(`removes ${COMMAND} and ${PATHS.install}`)
  const command = await host.stat(COMMAND)
  if (command?.kind === 'link' && command.target.startsWith(`${PATHS.install}/`)) await host.remove(COMMAND)
  await host.removeTree(PATHS.install)
  return { ok: true, left }
}

const COMMAND = '/usr/local/bin/sekisho'

/** Removes our images by all their names; returns those that Docker keeps, with what it says. */
async function removeImages(host: Host): Promise<string[]> {
  const format = '{{.Repository}}:{{.Tag}}'
  const list = await host.exec([
    'docker',
    'image',
    'ls',
    '--filter',
    'reference=sekisho/*',
    '--format',
    format,
  ])
  // 127: without Docker there are none.
  if (list.code === 127) return []
  if (list.code !== 0) return [`the images: Docker does not answer (${list.stderr.trim()})`]
  const left: string[] = []
  for (const ref of list.stdout.split('\n').filter(Boolean)) {
    const { code, stderr } = await host.exec(['docker', 'image', 'rm', ref])
    if (code !== 0) left.push(`${ref}: ${stderr.trim()}`)
  }
  // What a new build of a user's module took the name from.
  await host.exec(['docker', 'image', 'prune', '--force', '--filter', 'label=org.sekisho.image'])
  return left
}

async function ours(host: Host, folder: string): Promise<string[]> {
  const names = (await host.list(folder)).filter((name) => /^sekisho([.-]|$)/.test(name))
  return names.map((name) => `${folder}/${name}`)
}
