import type { Host } from '../host.ts'
import { sharesNetwork } from '../process-network.ts'

const PEERS = '/etc/ppp/peers'

/**
 * Sessions of pppd on our ports that are not ours, as pppoeconf sets them up: one that runs, and those that ifupdown
 * starts at boot. Two on one line end each other, and whose password it was is not ours to move.
 */
export async function pppdBlockers(host: Host, devices: ReadonlySet<string>): Promise<string[]> {
  const peers = new Map<string, string>()
  for (const name of await host.list(PEERS)) {
    const port = portIn((await host.read(`${PEERS}/${name}`).catch(() => undefined)) ?? '', devices)
    if (port !== undefined) peers.set(name, port)
  }
  return [...(await running(host, devices, peers)), ...(await atBoot(host, peers))]
}

/** The first of our ports that options of pppd(8) name: "eth0", "nic-eth0", "/dev/eth0". */
function portIn(options: string, devices: ReadonlySet<string>): string | undefined {
  const words = options.replace(/#.*/g, '').split(/[\s"'\0]+/)
  return words.map((word) => word.replace(/^(nic-|\/dev\/)/, '')).find((word) => devices.has(word))
}

async function running(
  host: Host,
  devices: ReadonlySet<string>,
  peers: ReadonlyMap<string, string>,
): Promise<string[]> {
  const blockers: string[] = []
  for (const pid of (await host.list('/proc')).filter((name) => /^\d+$/.test(name))) {
    const cmdline = (await host.read(`/proc/${pid}/cmdline`).catch(() => undefined)) ?? ''
    const words = cmdline.split('\0')
    if (!/^(.*\/)?pppd$/.test(words[0] ?? '')) continue
    const peer = words[words.indexOf('call') + 1] ?? ''
    const port = portIn(cmdline, devices) ?? (words.includes('call') ? peers.get(peer) : undefined)
    if (port === undefined || !(await sharesNetwork(host, pid))) continue
    const cgroup = (await host.read(`/proc/${pid}/cgroup`).catch(() => undefined)) ?? ''
    if (cgroup.includes('/sekisho-pppoe.service')) continue
    blockers.push(`pppd (process ${pid}) has a session on ${port} already. Fix: end it with "kill ${pid}"`)
  }
  return blockers
}

async function atBoot(host: Host, peers: ReadonlyMap<string, string>): Promise<string[]> {
  const folder = '/etc/network/interfaces.d'
  const files = ['/etc/network/interfaces', ...(await host.list(folder)).map((name) => `${folder}/${name}`)]
  const blockers: string[] = []
  for (const path of files) {
    const text = (await host.read(path).catch(() => undefined)) ?? ''
    for (const [, provider = ''] of text.matchAll(/^[ \t]+provider[ \t]+(\S+)/gm)) {
      const port = peers.get(provider)
      if (port === undefined) continue
      blockers.push(
        `${path} starts pppd on ${port} (provider ${provider}). Fix: take those lines out, or put "#" before them`,
      )
    }
  }
  return blockers
}
