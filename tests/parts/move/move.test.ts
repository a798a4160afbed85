import { readFile, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ensurePackages } from '../../../src/build/debian.ts'
import { run, runOk } from '../../../src/lib/run.ts'
import { count } from '../../lab/support/counts.ts'
import {
  backUp,
  blankMachine,
  CONFIG,
  fullMachine,
  LEASES,
  type Machine,
  restoreOn,
  workFolder,
} from '../../sample-machine.ts'

/* The archive and other people's programs: Debian's age and ssh-keygen. */

let work: string
let remove: () => Promise<void>
let old: Machine
let blank: Machine
let file: string

beforeAll(() => ensurePackages(['age', 'openssh-client'], () => undefined), 300_000)
beforeEach(async () => {
  ;({ path: work, remove } = await workFolder())
  old = await fullMachine(work)
  blank = await blankMachine(work)
  file = join(work, 'backup')
})
afterEach(() => remove())

async function sshKey(
  kind: string,
): Promise<{ recipient: string; identity: { file: string; text: string } }> {
  const path = join(work, `key-${kind}`)
  await runOk(['ssh-keygen', '-q', '-t', kind, '-N', '', '-C', 'me@laptop', '-f', path])
  const text = await readFile(path, 'utf8')
  return { recipient: (await readFile(`${path}.pub`, 'utf8')).trim(), identity: { file: path, text } }
}

describe('for an SSH key', () => {
  test.each(['ed25519', 'rsa'])('ssh-%s: who has it opens the archive, and nobody else', async (kind) => {
    const { recipient, identity } = await sshKey(kind)
    await backUp(old, file, { lock: { recipients: [recipient] } })
    expect((await readFile(file)).includes('hush')).toBe(false)
    const other = await sshKey(kind === 'rsa' ? 'ed25519' : 'rsa')
    await expect(restoreOn(blank, file, { key: { identities: [other.identity] } })).rejects.toThrow(
      /^age says: /,
    )
    await expect(restoreOn(blank, file)).rejects.toThrow('it is encrypted for a key')
    await restoreOn(blank, file, { key: { identities: [identity] } })
    expect(await readFile(`${blank.root}/etc/sekisho/router.yaml`, 'utf8')).toBe(CONFIG)
    expect(await readFile(`${blank.root}/var/lib/sekisho/kea/leases/kea-leases4.csv`, 'utf8')).toBe(LEASES)
  })

  test('a damaged archive is refused', async () => {
    const { recipient, identity } = await sshKey('ed25519')
    await backUp(old, file, { lock: { recipients: [recipient] } })
    await truncate(file, (await readFile(file)).length - 100)
    await expect(restoreOn(blank, file, { key: { identities: [identity] } })).rejects.toThrow(
      /age says: |is damaged/,
    )
    await expect(readFile(`${blank.root}/etc/sekisho/router.yaml`)).rejects.toThrow('ENOENT')
  })

  test('what is no key is refused in words, and never an option of age', async () => {
    for (const recipient of ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE', 'ssh-ed25519 --output=/etc/passwd'])
      await expect(backUp(old, file, { lock: { recipients: [recipient] } })).rejects.toMatchObject({
        fix: expect.anything(),
      })
    await expect(readFile(file)).rejects.toThrow('ENOENT')
  })
})

test('without us, age and tar open it', async () => {
  const identity = await generateX25519Identity()
  await backUp(old, file, { lock: { recipients: [await identityToRecipient(identity)] } })
  const { stdout } = await run(
    [
      'bash',
      '-c',
      'age --decrypt --identity - "$1" | tar --extract --to-stdout files/etc/sekisho/router.yaml',
      'open',
      file,
    ],
    { input: identity },
  )
  expect(stdout).toBe(CONFIG)
})

test('however much is kept, memory stays flat', async () => {
  const bytes = count(128, 2000) * 1024 * 1024
  await old.write('/var/lib/sekisho/kea/leases/large', '')
  await truncate(`${old.root}/var/lib/sekisho/kea/leases/large`, bytes)
  const identity = await generateX25519Identity()
  const lock = { recipients: [await identityToRecipient(identity)] }
  // Once small, so that what is loaded for it does not count.
  await backUp(await fullMachine(work), join(work, 'small'), { lock })
  const start = process.memoryUsage().rss
  let peak = start
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss)
  }, 20)
  try {
    await backUp(old, file, { lock })
    await restoreOn(blank, file, { key: { identities: [{ file: 'identity', text: identity }] } })
  } finally {
    clearInterval(timer)
  }
  expect(peak - start).toBeLessThan(110 * 1024 * 1024)
}, 600_000)
