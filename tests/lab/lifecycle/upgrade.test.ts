import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Lab, openLab } from '../../../src/lab/lab.ts'
import { baseline } from '../support/router-yaml.ts'

/* A router moves to another release and back: one that works, and one that installs and then does not. */

let lab: Lab
const FOLDER = '/root/upgrade'
const GOOD = '9.0.1-00000000600d'
const BROKEN = '9.0.2-000000000bad'

beforeAll(async () => {
  lab = await openLab()
  await baseline(lab)
  await lab.router.execOk(['mkdir', '-p', FOLDER])
})
afterAll(async () => {
  await lab.router.execOk(['rm', '-rf', FOLDER, `/opt/sekisho/${GOOD}`, '/opt/sekisho/upgrade.json'])
  await baseline(lab)
})

/**
 * Makes a bundle of the release in use, on the router, with texts of some files replaced; without the images, which
 * are the same and loaded already.
 */
const MAKE = `
import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { describePart, listTree, parseManifest, sealManifest } from '/opt/sekisho/current/src/install/manifest.ts'
const [release, ...edits] = process.argv.slice(2)
const stage = '${FOLDER}/sekisho-' + release
execFileSync('cp', ['-al', '/opt/sekisho/current/.', stage])
rmSync(stage + '/images/images.tar.zst')
const { arch, images } = parseManifest(readFileSync(stage + '/manifest.json', 'utf8'))
const put = (path, text) => { rmSync(stage + '/' + path); writeFileSync(stage + '/' + path, text) }
put('INSTALLED', release + ' ' + arch + '\\n')
put('package.json', readFileSync(stage + '/package.json', 'utf8').replace(/"version": "[^"]*"/, '"version": "' + release.split('-')[0] + '"'))
for (let i = 0; i < edits.length; i += 3) {
  const text = readFileSync(stage + '/' + edits[i], 'utf8')
  if (!text.includes(edits[i + 1])) throw new Error(edits[i] + ' has no ' + edits[i + 1])
  put(edits[i], text.replace(edits[i + 1], () => edits[i + 2]))
}
rmSync(stage + '/manifest.json')
const parts = []
for (const path of await listTree(stage)) parts.push(await describePart(stage, path))
const manifest = sealManifest({ release, arch, images, parts })
writeFileSync(stage + '/manifest.json', JSON.stringify(manifest))
const members = ['manifest.json', ...manifest.parts.map(({ path }) => path)].map((path) => 'sekisho-' + release + '/' + path)
execFileSync('tar', ['-C', '${FOLDER}', '--create', '--hard-dereference', '--no-recursion', '--verbatim-files-from', '--files-from=-', '--file', stage + '.tar'], { input: members.join('\\n') })
rmSync(stage, { recursive: true })
`

async function makeBundle(release: string, ...edits: readonly string[]): Promise<string> {
  await lab.router.writeFile(`${FOLDER}/make.mjs`, MAKE)
  const node = '/opt/sekisho/current/bin/node'
  await lab.router.execOk([node, `${FOLDER}/make.mjs`, release, ...edits], { timeout: 120_000 })
  return `${FOLDER}/sekisho-${release}.tar`
}

const upgrade = (...args: string[]) => lab.router.exec(['sekisho', 'upgrade', ...args], { timeout: 300_000 })
const link = async (path: string) => (await lab.router.execOk(['readlink', path])).trim()
const version = async () => (await lab.router.execOk(['sekisho', '--version'])).trim()

async function expectAtWork(): Promise<void> {
  expect((await lab.router.execOk(['systemctl', 'is-active', 'sekishod.service'])).trim()).toBe('active')
  expect(await lab.router.exec(['sekisho', 'plan'])).toMatchObject({ code: 0 })
  await lab.laptop.execOk(['curl', '-sSf', '--max-time', '5', 'http://www.example.org/'])
}

const UNITS = 'src/router/render/units.ts'

test('a release that cannot apply is gone again, with the old release and generation in use', async () => {
  const [release, generation] = [await link('/opt/sekisho/current'), await link('/etc/sekisho/current')]
  // biome-ignore lint/suspicious/noTemplateCurlyInString: text of a source file
  const bundle = await makeBundle(BROKEN, UNITS, 'ExecStart=${AGENT_COMMAND}', 'ExecStart=/bin/false')
  const { code, stderr } = await upgrade(bundle)
  expect(stderr).toContain('sekishod.service')
  expect(stderr).toContain(`Release ${release} is in use again, and what it had applied.`)
  expect(code).toBe(1)
  expect(await link('/opt/sekisho/current')).toBe(release)
  expect(await link('/etc/sekisho/current')).toBe(generation)
  expect(await link('/etc/sekisho/confirmed')).toBe(generation)
  expect(await lab.router.execOk(['ls', '/opt/sekisho'])).not.toContain(BROKEN)
  await expectAtWork()
})

test('a release that works is in use, and the one before it again by hand', async () => {
  const release = await link('/opt/sekisho/current')
  const before = await version()
  const bundle = await makeBundle(GOOD, UNITS, 'Sekisho: host agent', 'Sekisho, another release: host agent')
  const { code, stdout } = await upgrade(bundle)
  expect(stdout).toContain(`sekisho ${GOOD} is in use and has applied router.yaml. ${release} is kept`)
  expect(code).toBe(0)
  expect(await version()).toBe('9.0.1')
  const describe = ['systemctl', 'show', '--property=Description', 'sekishod.service']
  expect(await lab.router.execOk(describe)).toContain('another release')
  await expectAtWork()

  expect(await upgrade('--rollback')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(`sekisho ${release} is in use`),
  })
  expect(await version()).toBe(before)
  expect(await lab.router.execOk(describe)).not.toContain('another release')
  await expectAtWork()
})
