import { execFileSync } from 'node:child_process'
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describePart, listTree, type Manifest, sealManifest } from '../src/install/manifest.ts'

export const thisArch = process.arch === 'arm64' ? 'arm64' : 'x64'

/** An unpacked bundle and its archive, as `sekisho bundle` lays them out, with one small source. */
export async function makeBundle(
  work: string,
  release: string,
  source = 'main()',
  arch: Manifest['arch'] = thisArch,
): Promise<{ folder: string; file: string }> {
  const name = `sekisho-${release}`
  const folder = join(work, name)
  await rm(folder, { recursive: true, force: true })
  await mkdir(join(folder, 'src'), { recursive: true })
  await mkdir(join(folder, 'bin'))
  await writeFile(join(folder, 'sekisho'), '#!/bin/sh\n', { mode: 0o755 })
  await writeFile(join(folder, 'src/main.ts'), source)
  await writeFile(join(folder, 'big'), Buffer.alloc(100_000, 'x'))
  await symlink('../sekisho', join(folder, 'bin/node'))
  const parts = []
  for (const path of await listTree(folder)) parts.push(await describePart(folder, path))
  const manifest = sealManifest({ release, arch, images: ['sekisho/demo:0123456789ab'], parts })
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest))
  const file = join(work, `${name}.tar`)
  const members = ['manifest.json', ...parts.map(({ path }) => path)].map((path) => `${name}/${path}`)
  execFileSync('tar', ['-cf', file, '-C', work, ...members])
  return { folder, file }
}
