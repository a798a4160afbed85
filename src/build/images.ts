import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createWriteStream, existsSync } from 'node:fs'
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { constants, createZstdCompress } from 'node:zlib'
import { buildImage, dockerBuild } from '../install/build-image.ts'
import { run, runOk } from '../lib/run.ts'
import { MODULES } from '../modules.ts'
import { type ImageContext, imageContext, PROJECT_ROOT, parentRefs } from '../router/image-ref.ts'
import { BASE_CUSTOMIZE, BASE_PACKAGES } from './base/base.ts'
import { cached } from './cache.ts'
import { buildDashboardApp } from './dashboard-app.ts'
import { bootstrap } from './debian.ts'
import { withDockerd } from './dockerd.ts'
import { timed } from './timed.ts'

type Progress = (line: string) => void
type Docker = readonly string[]

/** How folders of images are made (RouterModule.imageMade), by their paths; each returns where it is. */
const MAKERS = { pages: buildDashboardApp } as const

/** An archive of images, as `docker save` writes it and compressed with zstd. */
export interface ImagesArchive {
  readonly path: string
  /** Every reference in it. */
  readonly refs: readonly string[]
}

/** The build contexts of those modules we ship that have a Dockerfile, and need nothing but Debian. */
export function shippedContexts(): ImageContext[] {
  return MODULES.flatMap(({ name, imageSources = [], imageMade = [], imageNeeds }) => {
    if (imageNeeds !== undefined) return []
    const folder = join(PROJECT_ROOT, 'src/modules', name)
    return existsSync(join(folder, 'Dockerfile'))
      ? [imageContext(name, folder, imageSources, { made: imageMade })]
      : []
  })
}

/**
 * Builds those of the images that do not exist yet, and the base images they stand on, and returns one archive
 * of them all from the cache. With nothing changed no engine is started.
 */
export async function imagesArchive(
  contexts: readonly ImageContext[],
  onProgress?: Progress,
): Promise<ImagesArchive> {
  const { base, node } = parentRefs()
  const refs = [base, node, ...contexts.map(({ ref }) => ref)].sort()
  const hash = createHash('sha256')
    .update(JSON.stringify(['archive 1', process.arch, refs]))
    .digest('hex')
    .slice(0, 16)
  const entry = await cached(
    'images',
    hash,
    (directory) =>
      withDockerd(async (docker) => {
        await buildImages(docker, contexts, onProgress)
        onProgress?.('saving the images')
        await save(docker, refs, join(directory, 'images.tar.zst'))
      }, onProgress),
    onProgress === undefined ? {} : { onWait: () => onProgress('waiting for another build of the images') },
  )
  return { path: join(entry, 'images.tar.zst'), refs }
}

/** Builds what an engine lacks of these images, by reference; what it has is not looked at again. */
export async function buildImages(
  docker: Docker,
  contexts: readonly ImageContext[],
  onProgress?: Progress,
): Promise<void> {
  const { base, node } = parentRefs()
  if (!(await has(docker, base)))
    await timed('base image', () => importBase(docker, base, onProgress), onProgress)
  // Dockerfiles name the parent without a tag.
  await runOk([...docker, 'tag', base, 'sekisho/base:latest'])
  if (!(await has(docker, node))) await timed('node image', () => buildNode(docker, node), onProgress)
  await runOk([...docker, 'tag', node, 'sekisho/node:latest'])
  for (const context of contexts) {
    if (await has(docker, context.ref)) continue
    await timed(
      `image ${context.ref}`,
      () => buildImage(docker, context, { network: 'host', labels: labels(context.ref), makers: MAKERS }),
      onProgress,
    )
  }
  await prune(docker, [base, node, ...contexts.map(({ ref }) => ref)])
}

async function importBase(docker: Docker, ref: string, onProgress?: Progress): Promise<void> {
  const tar = await bootstrap(BASE_PACKAGES, {
    kind: 'base',
    format: 'tar',
    customize: BASE_CUSTOMIZE,
    ...(onProgress === undefined ? {} : { onProgress }),
  })
  const changes = Object.entries(labels(ref)).flatMap(([key, value]) => ['--change', `LABEL ${key}=${value}`])
  const environment = ['--change', 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin']
  await runOk([...docker, 'import', '--message', 'Debian 13', ...changes, ...environment, tar, ref])
}

async function buildNode(docker: Docker, ref: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'sekisho-node-'))
  try {
    const recipe = await readFile(join(import.meta.dirname, 'base/node.Dockerfile'))
    const source = join(PROJECT_ROOT, `node_modules/node-linux-${process.arch}`)
    await writeFile(join(folder, 'Dockerfile'), recipe)
    await copyFile(join(source, 'bin/node'), join(folder, 'node'))
    await copyFile(join(source, 'LICENSE'), join(folder, 'LICENSE'))
    await dockerBuild(docker, folder, [ref], { network: 'none', labels: labels(ref) })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function labels(ref: string): Record<string, string> {
  return { 'org.sekisho.image': ref }
}

async function has(docker: Docker, ref: string): Promise<boolean> {
  return (await run([...docker, 'image', 'inspect', '--format', '{{.Id}}', ref])).code === 0
}

/** Keeps what is in use and the newest others of each name: going back to a branch builds nothing. */
async function prune(docker: Docker, used: readonly string[]): Promise<void> {
  const listed = await runOk([...docker, 'image', 'ls', '--format', '{{.Repository}}:{{.Tag}}', 'sekisho/*'])
  const byName = new Map<string, string[]>()
  // Newest first, as docker lists them.
  for (const ref of listed.split('\n').filter((line) => /^sekisho\/.*:[0-9a-f]{12}$/.test(line))) {
    const name = ref.slice(0, ref.indexOf(':'))
    byName.set(name, [...(byName.get(name) ?? []), ref])
  }
  const old = [...byName.values()].flatMap((refs) => refs.slice(4)).filter((ref) => !used.includes(ref))
  // One that a newer image stands on stays: docker refuses it.
  if (old.length > 0) await run([...docker, 'image', 'rm', ...old])
}

async function save(docker: Docker, refs: readonly string[], path: string): Promise<void> {
  const [file = '', ...args] = [...docker, 'save', ...refs]
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const exit = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  const zstd = createZstdCompress({
    params: {
      [constants.ZSTD_c_compressionLevel]: 3,
      [constants.ZSTD_c_checksumFlag]: 1,
    },
  })
  const [code] = await Promise.all([exit, pipeline(child.stdout, zstd, createWriteStream(path))])
  if (code !== 0) throw new Error(`docker save ended with code ${code}`)
}
