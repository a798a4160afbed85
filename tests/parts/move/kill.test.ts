import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { listTree } from '../../../src/install/manifest.ts'
import { count } from '../../lab/support/counts.ts'
import {
  backUp,
  blankMachine,
  fullMachine,
  type Machine,
  restoreOn,
  workFolder,
} from '../../sample-machine.ts'

/* Killed at any moment, a backup leaves the old archive or the new one, and a restore a machine on which it can run again. */

let work: string
let remove: () => Promise<void>
let old: Machine
let file: string
let key: string
let recipient: string

beforeEach(async () => {
  ;({ path: work, remove } = await workFolder())
  old = await fullMachine(work)
  file = join(work, 'backup')
  key = join(work, 'identity')
  const identity = await generateX25519Identity()
  recipient = await identityToRecipient(identity)
  await writeFile(key, identity)
  // Enough files and bytes that there is something to interrupt.
  for (let i = 0; i < 60; i++) await old.write(`/var/lib/sekisho/kea/leases/${i}`, randomBytes(60_000))
})
afterEach(() => remove())

const CHILD = join(import.meta.dirname, 'child.ts')

/** Runs it and kills it after some milliseconds; how long it ran, and whether it came to its end. */
async function killed(args: readonly string[], afterMs: number): Promise<{ ms: number; finished: boolean }> {
  const begin = performance.now()
  const child = spawn(process.execPath, [CHILD, ...args], { stdio: ['ignore', 'ignore', 'inherit'] })
  const timer = setTimeout(() => child.kill('SIGKILL'), afterMs)
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  clearTimeout(timer)
  return { ms: performance.now() - begin, finished: code === 0 }
}

const contents = async ({ root }: Machine) => {
  const paths = (await listTree(root)).filter((path) => path !== 'run/sekisho.lock').sort()
  return Promise.all(paths.map(async (path) => `${path} ${await readFile(join(root, path), 'latin1')}`))
}

test('backup', async () => {
  const args = ['backup', old.root, file, key, recipient]
  const { ms } = await killed(args, 60_000)
  const before = await readFile(file)
  let interrupted = 0
  for (let i = 0; i < count(4, 40) || interrupted === 0; i++) {
    const { finished } = await killed(args, ms * (0.3 + 0.7 * Math.random()))
    if (!finished) interrupted++
    const after = await readFile(file)
    // It is a new one each time: the key of the file is drawn by lot.
    expect(after.length).toBe(before.length)
    await restoreOn(await blankMachine(work), file, {
      key: { identities: [{ file: key, text: await readFile(key, 'utf8') }] },
    })
  }
  // What the killed ones left goes with the next.
  await killed(args, 60_000)
  expect((await readdir(work)).filter((name) => name.includes('tmp'))).toEqual([])
  expect((await readdir(`${old.root}/var/lib/sekisho`)).filter((name) => name.startsWith('.'))).toEqual([])
})

test('restore', async () => {
  await backUp(old, file, { lock: { recipients: [recipient] } })
  const whole = await blankMachine(work)
  const { ms } = await killed(['restore', whole.root, file, key], 60_000)
  const wanted = await contents(whole)
  expect(wanted.length).toBeGreaterThan(60)
  let interrupted = 0
  for (let i = 0; i < count(5, 60) || interrupted === 0; i++) {
    const machine = await blankMachine(work)
    const args = ['restore', machine.root, file, key]
    const { finished } = await killed(args, ms * (0.3 + 0.7 * Math.random()))
    const has = (await listTree(machine.root)).includes('etc/sekisho/router.yaml')
    // router.yaml is there only when all the rest is.
    if (has) expect((await contents(machine)).filter((line) => !line.includes('.restore-'))).toEqual(wanted)
    if (!finished) interrupted++
    if (!has) expect(await killed(args, 60_000)).toMatchObject({ finished: true })
    if (!has) expect(await contents(machine)).toEqual(wanted)
  }
})
