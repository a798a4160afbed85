import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ensureBundle } from '../../../src/build/bundle.ts'
import { copyOut, installBundle } from '../../../src/lab/install-router.ts'
import { type Lab, openLab } from '../../../src/lab/lab.ts'
import { baseline } from '../support/router-yaml.ts'

/*
 * The router is replaced by other hardware: a blank machine whose ports have other names. What the old one knew comes
 * over in one encrypted file.
 */

let lab: Lab
let replaced = false
const PASSPHRASE = '/root/passphrase'

beforeAll(async () => {
  lab = await openLab()
  await baseline(lab)
})
afterAll(async () => {
  await lab.plug('laptop')
  if (replaced) await lab.restartRouter({ disk: 'first' })
  await lab.router.execOk(['rm', '-rf', PASSPHRASE, '/root/backup', '/etc/sekisho/secrets/probe'])
  await baseline(lab)
})

/** The ports of the other machine. */
const PORTS = { wan0: 'enp1s0', lan0: 'enp2s0', lan1: 'enp3s0', lan2: 'enp4s0' }

const addressOf = async () =>
  /inet (10\.0\.0\.\d+)/.exec(await lab.laptop.execOk(['ip', '-4', 'address', 'show', 'dev', 'eth0']))?.[1]
const nameOf = async () =>
  (await lab.phone.exec(['dig', '+short', '+time=2', '+tries=1', 'laptop.home.arpa', 'A'])).stdout.trim()

test('a blank machine with other ports takes over: clients keep their addresses and names', {
  timeout: 400_000,
}, async () => {
  const address = await addressOf()
  await expect.poll(nameOf, { timeout: 20_000 }).toBe(address)
  await lab.router.writeFile('/etc/sekisho/secrets/probe', 'hush', '0400')
  await lab.router.writeFile(PASSPHRASE, 'correct horse battery staple\n', '0400')

  const said = await lab.router.execOk(['sekisho', 'backup', '/root/backup', '--passphrase-file', PASSPHRASE])
  expect(said).toBe('')
  // It comes back when the new machine is at work: what that knows of it came in the archive.
  await lab.unplug('laptop')
  const work = await mkdtemp(join(tmpdir(), 'sekisho-move-'))
  try {
    const archive = join(work, 'backup')
    await copyOut(lab.router, '/root/backup', archive)
    expect((await readFile(archive)).includes('hush')).toBe(false)

    replaced = true
    expect(await lab.restartRouter({ disk: 'second', ports: PORTS })).toBe('running')
    expect((await lab.router.exec(['test', '-e', '/etc/sekisho'])).code).toBe(1)
    await installBundle(lab.router, await ensureBundle(), () => {})
    await lab.router.writeFile('/root/backup', await readFile(archive))
    await lab.router.writeFile(PASSPHRASE, 'correct horse battery staple\n', '0400')
  } finally {
    await rm(work, { recursive: true })
  }
  const restore = (...args: string[]) =>
    lab.router.exec(['sekisho', 'restore', '/root/backup', '--passphrase-file', PASSPHRASE, ...args], {
      timeout: 300_000,
    })

  const unmapped = await restore()
  expect(unmapped.code).toBe(1)
  // The hardware is recognised, but not taken without a word.
  expect(unmapped.stderr).toContain(
    'Fix: say which port is which: sekisho restore /root/backup --map enp1s0=wan0 --map enp2s0=lan0 --map enp4s0=lan2 --map enp3s0=lan1',
  )
  expect((await lab.router.exec(['test', '-e', '/etc/sekisho/router.yaml'])).code).toBe(1)

  const asked = await answer(`sekisho restore /root/backup --passphrase-file ${PASSPHRASE}`, [
    // What is chosen first is the port with the MAC address of the old one.
    ['Which port is wan0 (wan, 02:00:5e:10:00:01', '\r'],
    ['Which port is lan0 (home', '\r'],
    ['Which port is lan2 (home', '\r'],
    ['Which port is lan1 (guest', '\r'],
  ])
  expect(asked).toMatchObject({ code: 0, said: expect.stringContaining('enp2s0') })
  expect(await lab.router.execOk(['cat', '/etc/sekisho/router.yaml'])).toContain('interface: enp1s0')
  await lab.router.execOk(['rm', '/etc/sekisho/router.yaml'])

  const maps = Object.entries(PORTS).flatMap(([old, now]) => ['--map', `${now}=${old}`])
  expect(await restore(...maps, '--apply')).toMatchObject({ code: 0 })
  const yaml = await lab.router.execOk(['cat', '/etc/sekisho/router.yaml'])
  expect(yaml).toContain('interfaces: [enp2s0, enp4s0] # laptop and phone, bridged')
  expect(await lab.router.execOk(['cat', '/etc/sekisho/secrets/probe'])).toBe('hush')
  expect(await restore(...maps)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('is configured already'),
  })

  expect(await lab.router.exec(['sekisho', 'plan'])).toMatchObject({ code: 0 })
  await expect.poll(nameOf, { timeout: 30_000 }).toBe(address)
  await lab.plug('laptop')
  await expect.poll(addressOf, { timeout: 30_000 }).toBe(address)
  expect(await nameOf()).toBe(address)
})

/** Runs a command of the router's on a terminal, and types each answer when its question is there. */
async function answer(
  command: string,
  answers: readonly (readonly [question: string, keys: string])[],
): Promise<{ code: number | null; said: string }> {
  const inside = lab.router.command(['sh', '-c', `stty cols 160 rows 40; ${command}`], {
    env: { TERM: 'xterm' },
  })
  const quoted = inside.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')
  const child = spawn('script', ['--quiet', '--return', '--flush', '--command', quoted, '/dev/null'])
  let said = ''
  let next = 0
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text
    const [question = '', keys = ''] = answers[next] ?? []
    if (next >= answers.length || !stripVTControlCharacters(said).includes(question)) return
    next++
    child.stdin.write(keys)
  })
  const end = setTimeout(() => child.kill('SIGKILL'), 60_000)
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  clearTimeout(end)
  return { code, said: stripVTControlCharacters(said) }
}
