import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe } from './log.ts'
import { parseSettings } from './settings.ts'
import { openNflog } from './sources/drops/open.ts'
import { openUdp, UDP_SOURCES, type UdpDescriptors } from './sources/open-udp.ts'

/*
 * The container's first process: `start.ts SETTINGS.json`. Opens what needs a capability, the NFLOG socket and UDP
 * sockets with large buffers, then becomes the recorder with the capabilities gone for good: what decodes packets and lines from
 * anyone must not be able to change the firewall.
 */

/**
 * Of libuv. poll(2) holds one for each netlink and UDP socket (drops, neighbours, syslog, NetFlow); files, the log's
 * syncs among them, have the others.
 */
const THREADS = 12

const [settingsPath] = process.argv.slice(2)
if (settingsPath === undefined) throw new Error('usage: start.ts SETTINGS.json')
const settings = parseSettings(await readFile(settingsPath, 'utf8'))
const { nflogGroup } = settings

let nflog: string
try {
  nflog = String((await openNflog(nflogGroup)).fd)
} catch (error) {
  // Lines and messages are recorded all the same; the status and the health check say what is missing.
  nflog = `cannot read NFLOG group ${nflogGroup}: ${describe(error)}`
}

const udp: UdpDescriptors = Object.fromEntries(
  UDP_SOURCES.flatMap((name) => {
    try {
      return [[name, openUdp(name, settings).fd]]
    } catch {
      // main.ts tries again, and says why it cannot.
      return []
    }
  }),
)

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
    JSON.stringify(udp),
  ],
  { ...process.env, UV_THREADPOOL_SIZE: String(THREADS) },
)
