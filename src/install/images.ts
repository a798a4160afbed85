import { spawn } from 'node:child_process'
import { createReadStream, existsSync } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createZstdDecompress } from 'node:zlib'
import { run, runOk } from '../lib/run.ts'
import { imageContext, PROJECT_ROOT, parentRefs } from '../router/image-ref.ts'
import { PATHS } from '../router/paths.ts'
import { buildImage } from './build-image.ts'
import { MANIFEST, parseManifest } from './manifest.ts'

type Progress = (line: string) => void

export interface ImagesOptions {
  readonly onProgress?: Progress
  /** The argument vector of the Docker client; the machine's own engine unless told. */
  readonly docker?: readonly string[]
}

interface Archive {
  readonly path: string
  readonly images: readonly string[]
}

/**
 * Loads those of these images that the machine's Docker lacks from the installed releases, the newest first; in a
 * checkout, which has no release, it builds them. Returns the references that no archive has, such as a user's
 * own or a registry's. Throws when Docker does not answer.
 */
export async function ensureImages(
  refs: readonly string[],
  { onProgress, docker = ['docker'] }: ImagesOptions = {},
): Promise<string[]> {
  let missing = await missingImages(refs, docker)
  if (missing.length === 0) return []
  for (const archive of await archives(missing, onProgress)) {
    if (!archive.images.some((ref) => missing.includes(ref))) continue
    onProgress?.(`loading images from ${archive.path}`)
    await load(archive.path, docker)
    missing = await missingImages(missing, docker)
    if (missing.length === 0) break
  }
  return missing
}

/**
 * Builds the image of a user's own module with the machine's Docker, unless it is there already. `sources` as for
 * `imageRef`. RUN lines have no network unless the Dockerfile has a line `# sekisho: network=host`, so that what
 * a router runs cannot depend on what the Internet said that day without its author saying so.
 */
export async function buildLocalImage(
  folder: string,
  ref: string,
  { sources = [], onProgress, docker = ['docker'] }: ImagesOptions & { sources?: readonly string[] } = {},
): Promise<void> {
  if ((await missingImages([ref], docker)).length === 0) return
  const name = /^sekisho\/([a-z][a-z0-9-]*):/.exec(ref)?.[1]
  if (name === undefined) throw new Error(`${ref} is not the reference of a module's image`)
  const context = imageContext(name, folder, sources)
  if (context.ref !== ref)
    throw new Error(`${folder} changed while it was read: it is ${context.ref}, not ${ref}`)
  const dockerfile = await readFile(join(folder, 'Dockerfile'), 'utf8')
  const plain: string[] = []
  for (const [parent, tagged] of Object.entries(parentRefs())) {
    if (!new RegExp(`^\\s*FROM\\s+.*sekisho/${parent}\\b`, 'im').test(dockerfile)) continue
    const unknown = await ensureImages([tagged], {
      docker,
      ...(onProgress === undefined ? {} : { onProgress }),
    })
    if (unknown.length > 0) throw new Error(`${tagged} is in no installed release`)
    // An older release's parent may have the plain name.
    await runOk([...docker, 'tag', tagged, `sekisho/${parent}:latest`])
    plain.push(`sekisho/${parent}:latest`)
  }
  const network = /^#\s*sekisho:\s*network=host\s*$/m.test(dockerfile) ? 'host' : 'none'
  onProgress?.(`building ${ref}`)
  try {
    await buildImage(docker, context, { network, labels: { 'org.sekisho.image': ref } })
  } catch (error) {
    if (network === 'host') throw error
    const hint =
      'RUN lines have no network here. Fix: where one is needed, add the line "# sekisho: network=host" to the Dockerfile'
    throw new Error(`${(error as Error).message}\n${hint}`, { cause: error })
  } finally {
    // The name was for the build alone; the image has its other one.
    for (const name of plain) await run([...docker, 'image', 'rm', name])
  }
}

/** Whether the machine's Docker answers. */
export async function dockerAnswers(docker: readonly string[] = ['docker']): Promise<boolean> {
  try {
    const { code } = await run([...docker, 'version', '--format', '{{.Server.Version}}'], { timeout: 10_000 })
    return code === 0
  } catch {
    return false // There is no docker to run.
  }
}

async function missingImages(refs: readonly string[], docker: readonly string[]): Promise<string[]> {
  const missing: string[] = []
  for (const ref of new Set(refs)) {
    const { code, stderr } = await run([...docker, 'image', 'inspect', '--format', '{{.Id}}', ref])
    if (code === 0) continue
    if (!/no such (image|object)/i.test(stderr))
      throw new Error(`docker image inspect ${ref}: ${stderr.trim()}`)
    missing.push(ref)
  }
  return missing
}

async function archives(missing: readonly string[], onProgress?: Progress): Promise<Archive[]> {
  if (existsSync(join(PROJECT_ROOT, 'INSTALLED'))) {
    const own = await archiveOf(PROJECT_ROOT)
    return [...own, ...(await installedArchives(PATHS.install))]
  }
  // A checkout builds; a router must not even load the code that would.
  const { imagesArchive, shippedContexts } = await import('../build/images.ts')
  const contexts = shippedContexts()
  const known = [...Object.values(parentRefs()), ...contexts.map(({ ref }) => ref)]
  if (!missing.some((ref) => known.includes(ref))) return []
  const { path, refs } = await imagesArchive(contexts, onProgress)
  return [{ path, images: refs }]
}

async function installedArchives(folder: string): Promise<Archive[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => /^\d/.test(name))
  const dated = await Promise.all(
    names.map(async (name) => ({ name, time: (await stat(join(folder, name))).mtimeMs })),
  )
  dated.sort((a, b) => b.time - a.time)
  return (await Promise.all(dated.map(({ name }) => archiveOf(join(folder, name))))).flat()
}

async function archiveOf(release: string): Promise<Archive[]> {
  const manifest = parseManifest(await readFile(join(release, MANIFEST), 'utf8').catch(() => ''))
  const path = join(release, 'images/images.tar.zst')
  return manifest !== undefined && existsSync(path) ? [{ path, images: manifest.images }] : []
}

async function load(path: string, docker: readonly string[]): Promise<void> {
  const [client = 'docker', ...options] = docker
  const child = spawn(client, [...options, 'load', '--quiet'], { stdio: ['pipe', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const exit = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  const sent = pipeline(createReadStream(path), createZstdDecompress(), child.stdin)
  const [code, broken] = await Promise.all([
    exit,
    sent.then(
      () => undefined,
      (error: Error) => error,
    ),
  ])
  if (code !== 0) throw new Error(`docker load of ${path} ended with code ${code}: ${said.trim()}`)
  // Docker may close its end early once it has what it wants; a damaged archive fails in zstd.
  if (broken !== undefined && (broken as NodeJS.ErrnoException).code !== 'EPIPE') throw broken
}
