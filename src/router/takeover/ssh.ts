import { isIPv6 } from 'node:net'
import type { Host } from '../host.ts'
import type { Network, Router } from '../model.ts'

/** The SSH session that runs us: its address and port on this machine, and the device that has the address. */
export interface SshSession {
  readonly address: string
  readonly port: number
  readonly device: string | undefined
}

/**
 * Finds the SSH session among our ancestors (sudo drops SSH_CONNECTION from the environment, its parents still
 * have it). `pid` is where to start; undefined when there is none.
 */
export async function findSshSession(host: Host, pid: number): Promise<SshSession | undefined> {
  for (let at = pid, depth = 0; at > 1 && depth < 64; depth++) {
    const environment = (await host.read(`/proc/${at}/environ`).catch(() => undefined)) ?? ''
    const connection = /(?:^|\0)SSH_CONNECTION=(\S+) (\d+) (\S+) (\d+)/.exec(environment)
    if (connection) {
      const address = (connection[3] ?? '').replace(/%.*$/, '')
      return { address, port: Number(connection[4]), device: await deviceOf(host, address) }
    }
    const stat = (await host.read(`/proc/${at}/stat`).catch(() => undefined)) ?? ''
    // The command's name is in parentheses and may hold anything; the parent is the second field after it.
    at = Number(/^.*\) \S (\d+)/s.exec(stat)?.[1] ?? 0)
  }
  return undefined
}

async function deviceOf(host: Host, address: string): Promise<string | undefined> {
  const { code, stdout } = await host.exec(['ip', '-j', 'address', 'show'])
  if (code !== 0) return undefined
  try {
    const links = JSON.parse(stdout) as { ifname: string; addr_info?: { local?: string }[] }[]
    return links.find((link) => link.addr_info?.some((info) => info.local === address))?.ifname
  } catch {
    return undefined
  }
}

/** Why applying this router would end the SSH session, in words; undefined when it would go on. */
export function wouldCut(session: SshSession, router: Router): string | undefined {
  const { address, port, device } = session
  if (device === undefined || device === 'lo') return undefined
  const where = `this SSH session comes in on ${address} (${device})`
  const { wan } = router
  if (device === wan.device || device === wan.member.port) {
    const { config } = wan
    if (config.mode === 'pppoe' && device !== wan.device)
      return `${where}, the port of the WAN, which carries PPPoE alone from then on`
    const stays =
      config.mode !== 'static' ||
      [config.address, config.address6 ?? ''].some((own) => own.split('/')[0] === address)
    if (!stays) return `${where}, the WAN, which gets another address`
    return allowsSsh(router, 'wan', port) ? undefined : `${where}, the WAN, from where SSH is not let in`
  }
  const network = router.networks.find(
    (n) => n.device === device || n.members.some((m) => m.device === device || m.port === device),
  )
  if (!network) return `${where}, which is in no network of router.yaml: nothing is let in there`
  if (!keeps(network, address, device))
    return `${where}, and ${network.name} has the address ${network.address}`
  const open = (network.routerAccess.includes('ssh') && port === 22) || allowsSsh(router, network.name, port)
  return open ? undefined : `${where}, network ${network.name}, from where SSH is not let in`
}

function keeps(network: Network, address: string, device: string): boolean {
  if (isIPv6(address) && /^fe[89ab]/i.test(address)) return device === network.device
  return [network.address, network.ula?.address, network.global?.address].includes(address)
}

function allowsSsh({ firewall }: Router, from: string, port: number): boolean {
  return firewall.allow.some(
    (rule) =>
      rule.from === from &&
      rule.to === 'router' &&
      ['any', 'tcp', 'tcp+udp'].includes(rule.protocol) &&
      (rule.ports === undefined || rule.ports.some((range) => range.from <= port && port <= range.to)),
  )
}
