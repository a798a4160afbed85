import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { close, closeOnExec } from '../recorder/netlink/libc.ts'
import { openCapture } from './capture/open.ts'
import { Child } from './child.ts'
import { parseWatchSettings } from './settings.ts'
import { STATUS_MS, writeStatus } from './status.ts'
import { vlansElsewhere } from './vlans.ts'
import type { Observed } from './watchdog.ts'

/*
 * The container's first process: `start.ts SETTINGS.json`. It keeps the capabilities, reads nothing that comes from the
 * network, and starts two children that do and have none: the DNS watcher gets packet sockets that can see nothing but
 * DNS, the flow watcher CAP_NET_ADMIN, which dumping connection tracking takes. One that ends is started again, one that
 * gives no sign of life is ended.
 */

const CHECK_MS = 1000
const STOP_MS = 8000
const SOON_MS = 200
const CONNTRACK = '/proc/sys/net/netfilter/nf_conntrack_'

const [settingsPath] = process.argv.slice(2)
if (settingsPath === undefined) throw new Error('usage: start.ts SETTINGS.json')
await main(settingsPath)

async function main(path: string): Promise<void> {
  const settings = parseWatchSettings(await readFile(path, 'utf8'))
  const devices = settings.networks.map(({ device }) => device)
  const since = new Date().toISOString()
  let stopping = false
  let due = false
  // Both may change at a time: one write for both.
  const onChange = (): void => {
    if (due) return
    due = true
    setTimeout(() => {
      due = false
      if (!stopping) void report('up')
    }, SOON_MS)
  }
  const children: Readonly<Record<'dns' | 'flows', Child>> = {
    dns: new Child({
      name: 'dns',
      command: () => unprivileged([], 'dns/main.ts', path),
      open: () =>
        devices.map((device) => {
          const fd = openCapture(vlansElsewhere(device, devices))
          closeOnExec(fd)
          return fd
        }),
      close,
      onChange,
    }),
    flows: new Child({
      name: 'flows',
      command: () => unprivileged(['net_admin'], 'flows/main.ts', path),
      onChange,
    }),
  }
  const report = (state: string): Promise<void> =>
    writeStatus(settings.statusDirectory, 'watch', {
      version: 1,
      since,
      time: new Date().toISOString(),
      state,
      children: { dns: children.dns.status(), flows: children.flows.status() },
    })
  const timers = [
    setInterval(() => {
      children.dns.watch(undefined)
      children.flows.watch(tracked())
    }, CHECK_MS),
    setInterval(() => void report('up'), STATUS_MS),
  ]
  onChange()

  const stop = async (): Promise<void> => {
    if (stopping) return
    stopping = true
    for (const timer of timers) clearInterval(timer)
    await Promise.all([children.dns.stop(STOP_MS), children.flows.stop(STOP_MS)])
    await report('stopped')
    process.exit(0)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop())
}

/** A command that runs a program of ours with these capabilities at most, and ends with this process. */
function unprivileged(capabilities: readonly string[], script: string, settings: string): string[] {
  const set = (plus: boolean): string =>
    ['-all', ...(plus ? capabilities.map((name) => `+${name}`) : [])].join(',')
  return [
    '/usr/bin/setpriv',
    '--no-new-privs',
    '--pdeathsig=KILL',
    `--bounding-set=${set(true)}`,
    `--inh-caps=${set(false)}`,
    `--ambient-caps=${set(false)}`,
    process.execPath,
    ...process.execArgv,
    join(import.meta.dirname, script),
    settings,
  ]
}

function tracked(): Observed['tracked'] {
  try {
    const [count, max] = ['count', 'max'].map((name) => Number(readFileSync(CONNTRACK + name, 'utf8')))
    return count === undefined || max === undefined ? undefined : { count, max }
  } catch {
    return undefined
  }
}
