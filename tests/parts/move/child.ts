import { readFile } from 'node:fs/promises'
import { backUp, type Machine, restoreOn } from '../../sample-machine.ts'

/* Backs up or restores in a process that can be killed: WHAT ROOT FILE IDENTITY [RECIPIENT]. */

const [what, root = '', file = '', identity = '', recipient = ''] = process.argv.slice(2)
const machine: Machine = { root, ran: [], write: () => Promise.resolve() }
if (what === 'backup') await backUp(machine, file, { lock: { recipients: [recipient] } })
else {
  const text = await readFile(identity, 'utf8')
  await restoreOn(machine, file, { key: { identities: [{ file: identity, text }] } })
}
