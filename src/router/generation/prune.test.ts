import { linkSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { run } from '../../lib/run.ts'
import { createHost, type Host } from '../host.ts'
import { pruneGenerations } from './prune.ts'

const MIB = 1024 * 1024

let root = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sekisho-generations-'))
  mkdirSync(join(root, 'etc/sekisho/generations'), { recursive: true })
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const folder = (number: number) => join(root, 'etc/sekisho/generations', String(number))

/** A generation with a file of its own, one that it has in common with the one before, and images. */
function generation(number: number, bytes: number, images: readonly string[] = []): void {
  mkdirSync(folder(number))
  writeFileSync(join(folder(number), 'own'), 'x'.repeat(bytes))
  writeFileSync(
    join(folder(number), 'manifest.json'),
    JSON.stringify({ images: images.map((image) => ({ owner: 'x', image })) }),
  )
  if (number === 1) writeFileSync(join(folder(1), 'shared'), 'x'.repeat(MIB))
  else linkSync(join(folder(number - 1), 'shared'), join(folder(number), 'shared'))
}

function use(link: 'current' | 'confirmed', number: number): void {
  symlinkSync(`generations/${number}`, join(root, 'etc/sekisho', link))
}

const left = () =>
  readdirSync(join(root, 'etc/sekisho/generations'))
    .map(Number)
    .toSorted((a, b) => a - b)

/** Images by reference: size, and layers. */
type Images = Readonly<Record<string, readonly [bytes: number, ...layers: string[]]>>

/** A machine below `root` with the real du(1), and a Docker that has these images. */
function host(images: Images = {}, calls: string[] = []): Host {
  return createHost({
    root,
    durable: false,
    exec: async (argv) => {
      calls.push(argv.slice(0, 2).join(' '))
      if (argv[0] === 'du') {
        const found = await run(argv.map((word) => (word.startsWith('/') ? root + word : word)))
        return { ...found, stdout: found.stdout.replaceAll(root, '') }
      }
      const known = argv.filter((word) => word in images)
      const inspected = known.map((ref) => {
        const [Size, ...Layers] = images[ref] ?? [0]
        return { RepoTags: [ref], Size, RootFS: { Layers } }
      })
      return { code: 1, stdout: JSON.stringify(inspected), stderr: 'no such image' }
    },
  })
}

describe('pruneGenerations', () => {
  it('keeps as many as it may, the newest, and those in use', async () => {
    for (let n = 1; n <= 8; n++) generation(n, 10)
    use('current', 8)
    use('confirmed', 2)
    const dropped: (readonly number[])[] = []
    const onDropped = async (numbers: readonly number[]) => void dropped.push(numbers)
    expect(await pruneGenerations(host(), { keep: 3, maxBytes: 100 * MIB, onDropped })).toEqual([1, 3, 4, 5])
    expect(left()).toEqual([2, 6, 7, 8])
    expect(dropped).toHaveLength(1)
    expect(await pruneGenerations(host(), { keep: 3, maxBytes: 100 * MIB, onDropped })).toEqual([])
    expect(dropped).toHaveLength(1)
  })

  it('keeps within its bytes, a file of several counted once', async () => {
    for (let n = 1; n <= 5; n++) generation(n, MIB)
    use('current', 5)
    use('confirmed', 5)
    // The file that all have, and three of their own.
    expect(await pruneGenerations(host(), { keep: 10, maxBytes: 4.5 * MIB })).toEqual([1, 2])
    expect(left()).toEqual([3, 4, 5])
  })

  it('never drops those in use, however large they are, nor what comes before the oldest that fits', async () => {
    for (let n = 1; n <= 4; n++) generation(n, n === 2 ? 5 * MIB : MIB)
    use('current', 4)
    use('confirmed', 3)
    expect(await pruneGenerations(host(), { keep: 10, maxBytes: MIB })).toEqual([1, 2])
    expect(left()).toEqual([3, 4])
  })

  it('counts images that nothing else holds, without what they are built on', async () => {
    const images: Images = {
      'sekisho/base:1': [100 * MIB, 'a'],
      'mine:1': [110 * MIB, 'a', 'b'],
      'mine:2': [130 * MIB, 'a', 'c'],
      'mine:3': [150 * MIB, 'a', 'd'],
    }
    for (let n = 1; n <= 3; n++) generation(n, 10, ['sekisho/base:1', `mine:${n}`])
    use('current', 3)
    use('confirmed', 3)
    const pinned = ['sekisho/base:1']
    expect(await pruneGenerations(host(images), { keep: 10, maxBytes: 92 * MIB, pinned })).toEqual([])
    expect(await pruneGenerations(host(images), { keep: 10, maxBytes: 85 * MIB, pinned })).toEqual([1])
    expect(await pruneGenerations(host(images), { keep: 10, maxBytes: 60 * MIB, pinned })).toEqual([2])
  })

  it('asks Docker only when an image could go, and keeps all when it does not answer', async () => {
    for (let n = 1; n <= 3; n++) generation(n, 10, ['sekisho/dns:1', 'mine:1'])
    use('current', 3)
    const calls: string[] = []
    await pruneGenerations(host({}, calls), {
      keep: 10,
      maxBytes: 9 * MIB,
      pinned: ['sekisho/dns:1', 'mine:1'],
    })
    expect(calls).toEqual(['du --summarize'])
    expect(await pruneGenerations(host({}, calls), { keep: 10, maxBytes: 9 * MIB })).toEqual([])
    expect(calls).toContain('docker image')
    expect(left()).toEqual([1, 2, 3])
  })
})
