import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe } from './log.ts'
import { parseSettings } from './settings.ts'
import { openNflog } from './sources/drops/open.ts'

/*
 * The container's first process: `start.ts SETTINGS.json`. Opens the one thing that needs a capability, the NFLOG
 * socket, then becomes the recorder with the capabilities gone for good: what decodes packets and lines from
 * anyone must not be able to change the firewall.
 */

const [settingsPath] = process.argv.slice(2)
if (settingsPath === undefined) throw new Error('usage: start.ts SETTINGS.json')
const { nflogGroup } = parseSettings(await readFile(settingsPath, 'utf8'))

let nflog: string
try {
  nflog = String((await openNflog(nflogGroup)).fd)
} catch (error) {
  // Lines and messages are recorded all the same; the status and the health check say what is missing.
  nflog = `cannot read NFLOG group ${nflogGroup}: ${describe(error)}`
}

if (!process.execve) throw new Error('this Node.js has no process.execve')
process.execve(
  '/usr/bin/setpriv',
  [
    'setpriv',
    '--bounding-set=-all',
    '--inh-caps=-all',
    '--ambient-caps=-all',
    process.execPath,
    ...process.execArgv,
    join(import.meta.dirname, 'main.ts'),
    settingsPath,
    nflog,
  ],
  process.env,
)
