import { posix } from 'node:path'
import { PATHS } from '../router/paths.ts'

/*
 * Which paths an archive may hold. Both ends keep to it: what backup would not take, restore does not write.
 */

const CONFIG = posix.dirname(PATHS.config)

/** In the folder of the configuration, what belongs to one machine: its history, and its own originals. */
const STAYS = ['generations', 'current', 'confirmed', 'saved']

/** Folders in which files of people's own lie that router.yaml may name. */
const OWN = [
  '/root/',
  '/home/',
  '/srv/',
  '/mnt/',
  '/usr/local/share/',
  '/etc/ssl/',
  '/etc/letsencrypt/',
  '/opt/',
]

const MAX_PATH = 1024

/** The folder of the configuration, seen from which router.yaml names its modules. */
export const CONFIG_FOLDER = CONFIG

/** What the agent remembers: which device has which name. It is the core's, and in no module's list. */
export const AGENT_STATE = `${PATHS.data}/agent/holders.json`

/** Whether a name below the configuration's folder stays at home: history, originals, and files half written. */
export function staysHome(name: string): boolean {
  return STAYS.includes(name) || /^\.sekisho-|\.(tmp|new|partial)$|\.before-restore(\.\d+)?$/.test(name)
}

/**
 * Whether a file may travel to another machine: absolute and plain, and either ours or in a folder where people keep
 * files of their own. Never one that makes the machine what it is, whatever router.yaml names.
 */
export function mayTravel(path: string): boolean {
  if (!isPlain(path)) return false
  if (path.startsWith(`${CONFIG}/`)) return !staysHome(path.slice(CONFIG.length + 1).split('/')[0] ?? '')
  if (path.startsWith(`${PATHS.data}/`)) return !path.slice(PATHS.data.length + 1).startsWith('.')
  return isOutside(path) && !path.startsWith(`${PATHS.install}/`)
}

/** Whether a path is neither the configuration nor kept data: only a router.yaml that names it makes it ours. */
export function isOutside(path: string): boolean {
  return OWN.some((folder) => path.startsWith(folder))
}

/** Absolute, without ".", "..", empty parts and control characters, and not longer than a path is. */
function isPlain(path: string): boolean {
  if (!path.startsWith('/') || path.endsWith('/') || Buffer.byteLength(path) > MAX_PATH) return false
  if (/[\p{Cc}\ufffd]/u.test(path)) return false
  return path
    .slice(1)
    .split('/')
    .every((part) => part !== '' && part !== '.' && part !== '..' && Buffer.byteLength(part) <= 255)
}
