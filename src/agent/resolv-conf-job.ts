import { mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { parsePppSession } from '../router/ppp-session.ts'
import type { AgentConfig } from '../router/render/agent.ts'
import { DirectoryWatch } from './directory-watch.ts'
import { linkDnsServers, renderResolvConf } from './resolv-conf.ts'
import { writeAtomic } from './write-atomic.ts'

/** Writes resolv.conf for the router itself: our resolver, then what the WAN offers. */
export class ResolvConfJob {
  readonly #config: AgentConfig
  readonly #path: string
  readonly #links: string
  readonly #watches: readonly DirectoryWatch[]
  #fallback: readonly string[] = []

  /** `links` is networkd's folder of link states, /run/systemd/netif/links. */
  constructor(config: AgentConfig, path: string, links: string, poke: () => void) {
    this.#config = config
    this.#path = path
    this.#links = links
    const { session } = config.wan
    const folders = [links, ...(session === undefined ? [] : [dirname(session)])]
    this.#watches = folders.map((folder) => new DirectoryWatch(folder, poke))
  }

  async run(): Promise<void> {
    for (const watch of this.#watches) await watch.ensure()
    this.#fallback = this.#config.wan.dns ?? (await this.#learnedServers()) ?? this.#fallback
    await mkdir(dirname(this.#path), { recursive: true })
    const { resolver, domain } = this.#config
    await writeAtomic(
      this.#path,
      renderResolvConf({ fallback: this.#fallback, domain, ...(resolver === undefined ? {} : { resolver }) }),
    )
  }

  /** The WAN's resolvers now in use as fallback. */
  status(): readonly string[] {
    return this.#fallback
  }

  close(): void {
    for (const watch of this.#watches) watch.close()
  }

  /** What pppd was told, then what networkd was; undefined while neither says anything: then the last ones known stay. */
  async #learnedServers(): Promise<string[] | undefined> {
    const { session } = this.#config.wan
    const found = session === undefined ? [] : await sessionServers(session)
    const servers = await this.#dhcpServers()
    return found.length > 0 ? [...found, ...(servers ?? [])] : servers
  }

  /** Undefined while networkd says nothing about the link (it restarts): then the last ones known stay. */
  async #dhcpServers(): Promise<string[] | undefined> {
    const { device } = this.#config.wan
    const index = (await readFile(`/sys/class/net/${device}/ifindex`, 'utf8').catch(() => '')).trim()
    if (!/^\d+$/.test(index)) return undefined
    return readFile(`${this.#links}/${index}`, 'utf8').then(linkDnsServers, () => undefined)
  }
}

async function sessionServers(file: string): Promise<readonly string[]> {
  return parsePppSession(await readFile(file, 'utf8').catch(() => ''))?.dns ?? []
}
