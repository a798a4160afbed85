import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { runOk } from '../lib/run.ts'
import type { Lab } from './lab.ts'
import { enterRootButItsNetwork, script } from './namespaces.ts'

const FORWARD = join(import.meta.dirname, 'window-forward.ts')
/** The router's address in the network of the laptop. */
const ROUTER = '10.0.0.1'
const HTTPS_PORT = '443'
const FIRST_PORT = 8443
const PATIENCE_MS = 10_000

interface Window {
  /** The forwarder, as the lab numbers it. */
  readonly process: number
  /** On the building machine's loopback. */
  readonly port: number
  /** The router's. */
  readonly target: string
}

/**
 * The URL that opens the lab's dashboard in this machine's own browser and signs it in, once and within minutes; undefined
 * when the router has no dashboard.
 */
export async function dashboardUrl(lab: Lab): Promise<string | undefined> {
  const link = await lab.router.exec(['sekisho', 'dashboard', 'link', '--json'])
  if (link.code !== 0) return undefined
  const { url }: { url: string } = JSON.parse(link.stdout)
  const { pathname, search, hash, port: target } = new URL(url)
  const { port } = await openWindow(lab, target || HTTPS_PORT)
  return `https://127.0.0.1:${port}${pathname}${search}${hash}`
}

/** Starts the forwarder unless it runs: as the laptop sees the dashboard, so does this machine's loopback. */
async function openWindow(lab: Lab, target: string): Promise<Window> {
  const file = join(lab.places.run, 'window.json')
  const known = await readWindow(file)
  if (known?.target === target && (await isForwarder(lab, known.process))) return known
  const { root, hosts } = lab.state
  const log = join(lab.places.disk, 'window.log')
  await writeFile(log, '')
  const namespace = `/proc/${hosts.laptop}/ns/net`
  const command = [process.execPath, FORWARD, namespace, ROUTER, target, String(FIRST_PORT)]
  const line = await runOk([...enterRootButItsNetwork(root), 'bash', script('service.sh'), log, ...command])
  const opened: Window = { process: Number(line.trim()), port: await portOf(log), target }
  await writeFile(file, `${JSON.stringify(opened)}\n`)
  return opened
}

async function readWindow(file: string): Promise<Window | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Window
  } catch {
    return undefined
  }
}

async function isForwarder(lab: Lab, number: number): Promise<boolean> {
  const path = `/proc/${lab.state.root.pid}/root/proc/${number}/cmdline`
  return existsSync(path) && (await readFile(path, 'utf8').catch(() => '')).includes(FORWARD)
}

async function portOf(log: string): Promise<number> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await sleep(50)) {
    const said = await readFile(log, 'utf8')
    const port = /^listening on (\d+)$/m.exec(said)?.[1]
    if (port !== undefined) return Number(port)
    if (said.includes('Error')) throw new Error(`the way to the dashboard cannot be opened: ${said.trim()}`)
  }
  throw new Error('the way to the dashboard did not open')
}
