import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { sealManifest } from './manifest.ts'
import { pruneImages } from './prune-images.ts'

let root: string

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'sekisho-prune-'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

async function put(path: string, text: string): Promise<void> {
  await mkdir(join(root, path, '..'), { recursive: true })
  await writeFile(join(root, path), text, { mode: 0o755 })
}

test('removes what neither a release nor a generation names, and nothing of others', async () => {
  const release = '1.0.0-aaaaaaaaaaaa'
  const images = ['sekisho/kea:111111111111']
  await put(
    `opt/sekisho/${release}/manifest.json`,
    JSON.stringify(sealManifest({ release, arch: 'x64', images, parts: [] })),
  )
  await put(
    'etc/sekisho/generations/7/compose.yaml',
    'services:\n  kea:\n    image: "sekisho/kea:222222222222"\n',
  )
  const refs = [
    'kea:111111111111',
    'kea:222222222222',
    'kea:333333333333',
    'used:444444444444',
    'base:latest',
  ]
  const listed = refs.map((ref) => `sekisho/${ref}`).join(' ')
  await put(
    'docker',
    `#!/bin/sh
if [ "$2" = ls ]; then printf '%s\\n' ${listed} 'postgres:17' '<none>:<none>'; exit; fi
echo "$*" >>${root}/calls
[ "$3" != sekisho/used:444444444444 ]
`,
  )
  expect(await pruneImages([join(root, 'docker')], root)).toEqual(['sekisho/kea:333333333333'])
  expect(await readFile(join(root, 'calls'), 'utf8')).toBe(
    'image rm sekisho/kea:333333333333\nimage rm sekisho/used:444444444444\n',
  )
})
