import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, copyFile, link, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { describePart, listTree, MANIFEST, type Manifest, sealManifest } from '../install/manifest.ts'
import { runOk } from '../lib/run.ts'
import {
  type ContextEntry,
  entriesDigest,
  type ImageContext,
  PROJECT_ROOT,
  parentRefs,
  readTree,
} from '../router/image-ref.ts'
import { cached } from './cache.ts'
import { imagesArchive, shippedContexts } from './images.ts'
import { productionModules } from './production-modules.ts'
import { questionsFiles } from './questions.ts'
import { timed } from './timed.ts'

type Progress = (line: string) => void

/** What a release holds beside src/ and the npm packages, as far as the checkout has it. */
const TOP_LEVEL = ['sekisho', 'package.json', 'package-lock.json', 'LICENSE', 'README.md', 'examples']

interface Inputs {
  readonly release: string
  readonly arch: Manifest['arch']
  readonly files: readonly ContextEntry[]
  readonly contexts: readonly ImageContext[]
}

/**
 * Returns the path of the bundle of this checkout, `sekisho-<version>-<hash>.tar`: the launcher, the sources, Node
 * with the packages the CLI needs, and every image. It is made once per content, in the cache.
 */
export async function ensureBundle(onProgress?: Progress): Promise<string> {
  const inputs = readInputs()
  const name = `sekisho-${inputs.release}`
  const entry = await cached('bundle', inputs.release, (work) => build(inputs, name, work, onProgress), {
    onWait: () => onProgress?.('waiting for another build of the bundle'),
  })
  return join(entry, `${name}.tar`)
}

async function build(inputs: Inputs, name: string, work: string, onProgress?: Progress): Promise<void> {
  const images = await timed('images', () => imagesArchive(inputs.contexts, onProgress), onProgress)
  await timed(
    'bundle',
    async () => {
      const stage = join(work, name)
      await writeTree(stage, [...inputs.files, ...(await productionModules(PROJECT_ROOT))])
      await writeFile(join(stage, 'INSTALLED'), `${inputs.release} ${inputs.arch}\n`)
      await mkdir(join(stage, 'dist'))
      for (const { name, code } of await questionsFiles(PROJECT_ROOT))
        await writeFile(join(stage, 'dist', name), code)
      await mkdir(join(stage, 'bin'))
      await symlink(`../node_modules/node-linux-${inputs.arch}/bin/node`, join(stage, 'bin/node'))
      await mkdir(join(stage, 'images'))
      await link(images.path, join(stage, 'images/images.tar.zst'))
      const paths = await listTree(stage)
      const parts = []
      // One at a time: a bundle has over a thousand files, and hashing is one processor's work anyway.
      for (const path of paths) parts.push(await describePart(stage, path))
      const { release, arch } = inputs
      const manifest = sealManifest({ release, arch, images: [...images.refs], parts })
      await writeFile(join(stage, MANIFEST), `${JSON.stringify(manifest)}\n`)
      // The manifest comes first, so that `install` can read it without reading the rest.
      const list = [MANIFEST, ...manifest.parts.map(({ path }) => path)].map((path) => `${name}/${path}\0`)
      await runOk(
        [
          'tar',
          '--create',
          '--file',
          join(work, `${name}.tar`),
          '--directory',
          work,
          '--format=gnu',
          '--owner=0',
          '--group=0',
          '--numeric-owner',
          '--mode=u=rwX,go=rX',
          '--hard-dereference',
          '--no-recursion',
          '--verbatim-files-from',
          '--null',
          '--files-from=-',
        ],
        { input: list.join('') },
      )
      await rm(stage, { recursive: true })
    },
    onProgress,
  )
}

/** Reads the checkout at one moment: someone may be editing it. */
function readInputs(): Inputs {
  for (;;) {
    const before = readFiles()
    const contexts = shippedContexts()
    const files = readFiles()
    const digest = entriesDigest(files)
    if (entriesDigest(before) !== digest) continue
    const manifest = files.find(({ path }) => path === 'package.json')?.content.toString('utf8') ?? ''
    const { version } = z.object({ version: z.string() }).parse(JSON.parse(manifest))
    const arch = z.enum(['x64', 'arm64']).parse(process.arch)
    const images = [...Object.values(parentRefs()), ...contexts.map(({ ref }) => ref)].sort()
    const hash = createHash('sha256')
      .update(JSON.stringify(['bundle 2', arch, digest, images]))
      .digest('hex')
    return { release: `${version}-${hash.slice(0, 12)}`, arch, files, contexts }
  }
}

function readFiles(): ContextEntry[] {
  const source = readTree(join(PROJECT_ROOT, 'src'), 'src').filter(
    ({ path }) => !path.endsWith('.test.ts') && !path.split('/').includes('golden'),
  )
  const top = TOP_LEVEL.filter((path) => existsSync(join(PROJECT_ROOT, path)))
  return [...source, ...top.flatMap((path) => readTree(join(PROJECT_ROOT, path), path))]
}

async function writeTree(folder: string, entries: readonly ContextEntry[]): Promise<void> {
  for (const { path, kind, content } of entries) {
    const target = join(folder, path)
    await mkdir(dirname(target), { recursive: true })
    if (kind === 'link') await symlink(content, target)
    else await writeFile(target, content, { mode: kind === 'executable' ? 0o755 : 0o644 })
  }
}

/** Copies the bundle out of the cache to `file`, complete or not at all. */
export async function exportBundle(bundle: string, file: string): Promise<void> {
  const partial = `${file}.partial`
  await copyFile(bundle, partial)
  await chmod(partial, 0o644)
  await rename(partial, file)
}
