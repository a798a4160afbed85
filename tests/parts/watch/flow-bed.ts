import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { runOk } from '../../../src/lib/run.ts'

type Place = 'client' | 'router' | 'server'

export const CLIENT4 = '10.9.0.2'
export const CLIENT6 = 'fd09::2'
export const WAN4 = '203.0.113.1'
export const SERVER4 = '203.0.113.9'
export const SERVER6 = '2001:db8:9::9'

/** What passed, by IP version, protocol and direction, as the firewall counted it. */
export interface Passed {
  readonly packets: number
  readonly bytes: number
}

const RULES = `
table inet truth {
  ${['tcp4', 'udp4', 'icmp4', 'tcp6', 'udp6', 'icmp6'].flatMap((name) => [`counter ${name}_out {}`, `counter ${name}_back {}`]).join('\n  ')}
  chain forward {
    type filter hook forward priority 0; policy accept;
    ct state invalid drop
    ${(['tcp', 'udp', 'icmp'] as const)
      .flatMap((name) =>
        (['4', '6'] as const).flatMap((version) => {
          const protocol = name === 'icmp' && version === '6' ? 'ipv6-icmp' : name
          const match = `meta nfproto ipv${version} meta l4proto ${protocol}`
          return [
            `iifname "lan0" ${match} counter name ${name}${version}_out`,
            `iifname "wan0" ${match} counter name ${name}${version}_back`,
          ]
        }),
      )
      .join('\n    ')}
  }
}
table ip nat {
  chain prerouting {
    type nat hook prerouting priority dstnat;
    iifname "wan0" tcp dport 7000 dnat to ${CLIENT4}:7000
  }
  chain postrouting {
    type nat hook postrouting priority srcnat;
    oifname "wan0" masquerade
  }
}
`

/** A client, a router that masquerades, and a server, in network namespaces of their own. */
export class FlowBed {
  /** For sockets, settings and state. */
  readonly directory: string
  readonly #name = `flows${process.pid}`
  readonly #children = new Set<ChildProcess>()

  private constructor(directory: string) {
    this.directory = directory
  }

  static async open(): Promise<FlowBed> {
    const bed = new FlowBed(await mkdtemp(join(tmpdir(), 'flows-')))
    for (const place of ['client', 'router', 'server'] as const) {
      await runOk(['ip', 'netns', 'add', bed.#namespace(place)])
      await bed.in(place, 'ip', 'link', 'set', 'lo', 'up')
    }
    await bed.#cable('client', 'eth0', [`${CLIENT4}/24`, `${CLIENT6}/64`], 'lan0', [
      '10.9.0.1/24',
      'fd09::1/64',
    ])
    const [wan4, wan6] = [`${WAN4}/24`, '2001:db8:9::1/64']
    await bed.#cable('server', 'eth0', [`${SERVER4}/24`, `${SERVER6}/64`], 'wan0', [wan4, wan6])
    await bed.in('client', 'ip', 'route', 'add', 'default', 'via', '10.9.0.1')
    await bed.in('client', 'ip', '-6', 'route', 'add', 'default', 'via', 'fd09::1')
    await bed.in('server', 'ip', '-6', 'route', 'add', 'default', 'via', '2001:db8:9::1')
    const sysctls = ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']
    for (const name of ['acct', 'timestamp', 'events']) sysctls.push(`net.netfilter.nf_conntrack_${name}=1`)
    // So that what is over is over soon.
    for (const name of [
      'udp',
      'udp_timeout_stream',
      'icmp',
      'icmpv6',
      'tcp_timeout_time_wait',
      'tcp_timeout_close',
    ])
      sysctls.push(`net.netfilter.nf_conntrack_${name.includes('timeout') ? name : `${name}_timeout`}=1`)
    await bed.in('router', 'sysctl', '-qw', ...sysctls)
    // What is sent again while neighbours are not found yet, connection tracking ignores and does not count.
    for (const address of [CLIENT4, CLIENT6, SERVER4, SERVER6])
      await bed.in('router', 'ping', '-q', '-c', '1', '-w', '10', address)
    await writeFile(join(bed.directory, 'rules.nft'), RULES)
    await bed.in('router', 'nft', '-f', join(bed.directory, 'rules.nft'))
    // What nobody listens for gets no answer.
    await bed.in('server', 'nft', 'add', 'table', 'inet', 'quiet')
    await bed.in('server', 'nft', 'add chain inet quiet out { type filter hook output priority 0; }')
    await bed.in('server', 'nft', 'add rule inet quiet out icmp type destination-unreachable drop')
    return bed
  }

  in(place: Place, ...argv: readonly string[]): Promise<string> {
    return runOk(['nsenter', `--net=/run/netns/${this.#namespace(place)}`, ...argv])
  }

  /** Starts a program of ours or another; it is killed at the end, if it still runs. */
  spawn(place: Place, ...argv: readonly string[]): ChildProcess {
    const child = spawn('nsenter', [`--net=/run/netns/${this.#namespace(place)}`, ...argv], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#children.add(child)
    child.once('exit', () => this.#children.delete(child))
    return child
  }

  async serve(place: Place): Promise<void> {
    const child = this.spawn(place, process.execPath, join(import.meta.dirname, 'talk.ts'), 'serve')
    if (child.stdout) await once(child.stdout, 'data')
  }

  async talk<T>(place: Place, ...words: readonly string[]): Promise<T> {
    return JSON.parse(await this.in(place, process.execPath, join(import.meta.dirname, 'talk.ts'), ...words))
  }

  /** Counters by name ("tcp4_out"). */
  async passed(): Promise<Map<string, Passed>> {
    const listed: { nftables: { counter?: Passed & { readonly name: string } }[] } = JSON.parse(
      await this.in('router', 'nft', '-j', 'list', 'counters', 'table', 'inet', 'truth'),
    )
    return new Map(
      listed.nftables.flatMap(({ counter }) =>
        counter ? [[counter.name, { packets: counter.packets, bytes: counter.bytes }] as const] : [],
      ),
    )
  }

  async close(): Promise<void> {
    for (const child of this.#children) {
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
    }
    for (const place of ['client', 'router', 'server'] as const)
      await runOk(['ip', 'netns', 'del', this.#namespace(place)])
    await rm(this.directory, { recursive: true })
  }

  #namespace(place: Place): string {
    return `${this.#name}-${place}`
  }

  async #cable(
    place: Place,
    device: string,
    addresses: readonly string[],
    atRouter: string,
    routerAddresses: readonly string[],
  ): Promise<void> {
    const router = this.#namespace('router')
    const peer = ['peer', 'name', device, 'netns', this.#namespace(place)]
    await runOk(['ip', '-n', router, 'link', 'add', atRouter, 'type', 'veth', ...peer])
    const ends = [
      [place, device, addresses],
      ['router', atRouter, routerAddresses],
    ] as const
    for (const [end, name, list] of ends) {
      for (const address of list) {
        const nodad = address.includes(':') ? ['nodad'] : []
        await this.in(end, 'ip', 'address', 'add', address, 'dev', name, ...nodad)
      }
      await this.in(end, 'ip', 'link', 'set', name, 'up')
    }
    // Until the cable carries, Node leaves the device out of its interfaces.
    for (let up = false; !up; await sleep(50))
      up = (await this.in('router', 'ip', 'link', 'show', atRouter)).includes('state UP')
  }
}
