import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')

/** What each part of src/ may import, besides itself. Nothing imports upwards, and no two look into each other. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  lib: [],
  config: ['lib'],
  router: ['config', 'lib'],
  modules: ['router', 'config', 'lib'],
  // Netlink, and how connections are read over it, in a process of its own (flush-nat.ts); who is paused.
  agent: [
    'router',
    'config/pause-device.ts',
    'lib',
    'recorder/netlink',
    'watch/flows/conntrack-decode.ts',
    'watch/flows/conntrack-socket.ts',
    'watch/flows/ctnetlink.ts',
  ],
  recorder: ['router/paths.ts', 'lib/ip.ts', 'lib/json-fields.ts', 'lib/requests.ts'],
  watch: ['recorder/netlink', 'recorder/records', 'lib/ip.ts', 'lib/json-fields.ts', 'lib/requests.ts'],
  // The figures that sekishod gathers, and how it asks a resolver.
  metrics: [
    'agent/figures.ts',
    'agent/probe.ts',
    'recorder/atomic-file.ts',
    'recorder/log.ts',
    'lib/json-fields.ts',
    'lib/printable.ts',
  ],
  prove: ['router', 'config', 'recorder/netlink', 'lib'],
  // In a checkout, images that are missing are built (imported only then).
  install: ['router', 'lib', 'build/images.ts'],
  move: ['router', 'config', 'lib'],
  import: ['config', 'lib', 'move/refusal.ts', 'router/host.ts'],
  status: ['router', 'lib', 'recorder/ask/units.ts', 'recorder/devices/overview.ts'],
  dashboard: [
    'agent/requests/client.ts',
    'agent/requests/request.ts',
    'agent/write-atomic.ts',
    'recorder',
    'lib',
  ],
  'modules.ts': ['modules', 'router'],
  'user-modules.ts': ['router', 'config'],
  'load-router.ts': ['modules.ts', 'user-modules.ts', 'install', 'router', 'config', 'lib'],
  build: ['modules.ts', 'install', 'router', 'lib'],
  // How a process enters another network.
  lab: ['build', 'install', 'router', 'lib', 'recorder/netlink/libc.ts'],
  testing: ['build'],
  cli: ['*'],
}

const files = globSync('src/**/*.{ts,tsx}', { cwd: ROOT }).filter((file) => !file.endsWith('.test.ts'))

function importsOf(file: string): string[] {
  const text = readFileSync(join(ROOT, file), 'utf8')
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map((match) =>
    normalize(join(dirname(file), match[1] ?? '')).slice('src/'.length),
  )
}

function partOf(path: string): string {
  return path.split('/')[0] ?? ''
}

describe('a folder imports downwards only', () => {
  test('every part is in the table', () => {
    const parts = new Set(files.map((file) => partOf(file.slice('src/'.length))))
    expect([...parts].filter((part) => !(part in MAY_IMPORT))).toEqual([])
  })

  test.each(files)('%s', (file) => {
    const part = partOf(file.slice('src/'.length))
    const allowed = MAY_IMPORT[part] ?? []
    const wrong = importsOf(file).filter(
      (target) =>
        partOf(target) !== part &&
        !allowed.includes('*') &&
        !allowed.includes(partOf(target)) &&
        !allowed.some((folder) => target.startsWith(`${folder}/`)) &&
        !allowed.includes(target),
    )
    expect(wrong).toEqual([])
  })

  test('no module imports another', () => {
    const wrong = files
      .filter((file) => file.startsWith('src/modules/'))
      .flatMap((file) =>
        importsOf(file)
          .filter((target) => target.startsWith('modules/') && target.split('/')[1] !== file.split('/')[2])
          .map((target) => `${file} -> ${target}`),
      )
    expect(wrong).toEqual([])
  })
})
