import { expect, it } from 'vitest'
import { stringify } from 'yaml'
import type { GenerationOnDisk } from '../inventory.ts'
import { sourceChanges } from './source-changes.ts'

const text = (hostname: string) =>
  stringify({
    version: 1,
    hostname,
    wan: { mode: 'dhcp', interface: 'wan0' },
    networks: { home: { interfaces: ['lan0'], address: '10.0.0.1/24' } },
  })

function generation(source: string | undefined): GenerationOnDisk {
  const manifest = {
    version: 1,
    files: [],
    places: [],
    units: [],
    volumes: [],
    images: [],
    services: [],
    restarts: [],
  } as const
  return { number: 7, manifest, files: {}, drift: [], live: undefined, source }
}

it('compares what a router.yaml says with that of the generation in use', () => {
  const says = (source: string | undefined, file: string) =>
    sourceChanges(generation(source), file).map((change) => change.says)
  expect(says(text('gate'), text('gate'))).toEqual([])
  expect(says(text('gate'), `# a comment\n${text('gate')}`)).toEqual([])
  expect(says(text('gate'), text('other'))).toEqual(['hostname gate → other'])
  expect(sourceChanges(undefined, text('gate')).map((change) => change.says)).toContain('WAN: DHCP on wan0')
})

it('says so when it cannot know', () => {
  for (const source of [undefined, '', 'version: 0\n', '{'])
    expect(sourceChanges(generation(source), text('gate'))).toMatchObject([
      { path: [], says: 'what router.yaml said in generation 7 cannot be read by this release' },
    ])
})
