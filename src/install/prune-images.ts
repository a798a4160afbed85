import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../lib/run.ts'
import { PATHS } from '../router/paths.ts'
import { MANIFEST, parseManifest } from './manifest.ts'

/**
 * Removes those images of ours that neither an installed release nor a generation names, so that years of upgrades
 * do not fill the disk. What a container uses stays, for Docker refuses to remove it. Returns what is gone.
 */
export async function pruneImages(docker: readonly string[] = ['docker'], root = ''): Promise<string[]> {
  const { stdout } = await run([
    ...docker,
    'image',
    'ls',
    '--filter',
    'label=org.sekisho.image',
    '--format',
    '{{.Repository}}:{{.Tag}}',
  ])
  const ours = stdout.split('\n').filter((ref) => /^sekisho\/[a-z0-9-]+:[0-9a-f]{12}$/.test(ref))
  const wanted = await wantedImages(root)
  const gone: string[] = []
  for (const ref of ours.filter((image) => !wanted.has(image))) {
    if ((await run([...docker, 'image', 'rm', ref])).code === 0) gone.push(ref)
  }
  return gone
}

/** The images that installed releases bring along. */
export async function releaseImages(root = ''): Promise<string[]> {
  const releases = await texts(join(root, PATHS.install), MANIFEST)
  return releases.flatMap((text) => parseManifest(text)?.images ?? [])
}

async function wantedImages(root: string): Promise<Set<string>> {
  const generations = await texts(join(root, PATHS.generations), 'compose.yaml')
  return new Set([
    ...(await releaseImages(root)),
    ...generations.flatMap((text) => text.match(/sekisho\/[a-z0-9-]+:[0-9a-f]{12}/g) ?? []),
  ])
}

/** The file of this name in each folder of a folder, where there is one. */
async function texts(folder: string, name: string): Promise<string[]> {
  const inside = await readdir(folder).catch(() => [])
  const read = await Promise.all(
    inside.map((child) => readFile(join(folder, child, name), 'utf8').catch(() => '')),
  )
  return read.filter((text) => text !== '')
}
