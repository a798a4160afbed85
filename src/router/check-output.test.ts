import { expect, it, test } from 'vitest'
import { z } from 'zod'
import { RouterConfig } from '../config/schema.ts'
import { checkOutput } from './check-output.ts'
import { compile } from './compile.ts'
import { defineModule, type ModuleOutput } from './module.ts'
import { normalise } from './normalise.ts'

const router = normalise(
  RouterConfig.parse({
    version: 1,
    hostname: 'gate',
    wan: { mode: 'dhcp', interface: 'eth0' },
    networks: { home: { interfaces: ['eth1'], address: '10.0.0.1/24' } },
  }),
)

const SERVICE = {
  name: 'mine',
  image: 'build',
  publish: [{ protocol: 'tcp', port: 8080, target: 80 }],
  listens: [],
  mounts: [
    { kind: 'file', file: 'a/b.conf', target: '/b.conf' },
    { kind: 'data', volume: 'kept', target: '/data' },
  ],
  health: { test: ['true'] },
}
const GOOD = {
  files: [{ path: 'a/b.conf', text: '' }],
  services: [SERVICE],
  openings: [{ from: 'home', protocol: 'tcp', port: 8080, published: true, why: 'page' }],
  logs: [],
  data: [{ name: 'kept', backup: true }],
}

/** What a module.ts that nobody type-checked may return. */
function judge(output: unknown, hasImage = true): string[] {
  return checkOutput('mine', output as ModuleOutput, router, hasImage).map(({ message }) =>
    message.replace('its build() returns ', ''),
  )
}

test('a good output has no issues', () => {
  expect(judge(GOOD)).toEqual([])
})

it.each<[string, unknown, RegExp]>([
  ['nothing', undefined, /^the whole: /],
  ['a misspelt key', { ...GOOD, openning: [] }, /^the whole: .*openning/],
  [
    'a path outside',
    { ...GOOD, files: [{ path: '../x', text: '' }] },
    /^files\.0\.path: must be a path inside/,
  ],
  ['one file twice', { ...GOOD, files: [...GOOD.files, ...GOOD.files] }, /^files: "a\/b.conf" is there more/],
  [
    'a host file anywhere',
    { ...GOOD, host: { files: [{ path: '/etc/passwd', text: '' }] } },
    /^host\.files\.0/,
  ],
  ['two sysctls in one', { ...GOOD, host: { sysctls: { 'net.x': '0\nnet.y = 1' } } }, /must be one line/],
  ['a unit elsewhere', { ...GOOD, host: { units: [{ name: '../x.service', text: '' }] } }, /name of a unit/],
  ["another's name", { ...GOOD, services: [{ ...SERVICE, name: 'unbound' }] }, /"unbound" must be "mine" or/],
  [
    'a capability of two',
    { ...GOOD, services: [{ ...SERVICE, capabilities: ['A B'] }] },
    /must be a capability/,
  ],
  ['an unknown file', { ...GOOD, files: [] }, /^services\.0\.mounts\.0: "a\/b.conf" is not among its files/],
  ['unknown data', { ...GOOD, data: [] }, /^services\.0\.mounts\.1: "kept" is not among its data/],
  ['no such port', { ...GOOD, openings: [{ ...GOOD.openings[0], port: 70000 }] }, /^openings\.0\.port: /],
  [
    'no such zone',
    { ...GOOD, openings: [{ ...GOOD.openings[0], from: 'guest' }] },
    /there is no zone "guest"/,
  ],
  ['nothing behind', { ...GOOD, services: [{ ...SERVICE, publish: [] }] }, /publishes tcp port 8080/],
  ['a lost friend', { ...GOOD, services: [{ ...SERVICE, dependsOn: ['kea'] }] }, /no service "kea" in this/],
])('%s is one issue', (_, output, message) => {
  expect(judge(output)).toEqual([expect.stringMatching(message)])
})

test('an image to build needs a Dockerfile', () => {
  expect(judge(GOOD, false)).toEqual([expect.stringContaining('needs a Dockerfile')])
})

test('a module that throws is an issue at its place', () => {
  const module = defineModule({
    name: 'mine',
    summary: 'Throws',
    config: z.strictObject({}),
    build: () => {
      throw new Error('oh')
    },
  })
  expect(compile(router, [{ module, config: {} }])).toMatchObject({
    ok: false,
    issues: [{ path: ['modules', 'mine'], message: 'its build() throws: oh' }],
  })
})
