import type { Host } from './host.ts'
import type { Lab } from './lab.ts'
import { CLIENTS, SERVERS } from './topology.ts'

export interface Check {
  readonly what: string
  /** How long it may take to become true, in milliseconds. */
  readonly patience: number
  /** Resolves with what was seen; throws while it is not so. */
  run(): Promise<string>
}

/** What must hold of a working lab: leases, DNSSEC, and a page over NAT and over IPv6. */
export function labChecks(lab: Lab): Check[] {
  const { laptop } = lab
  const page = (family: '-4' | '-6') => ({
    what: family === '-4' ? 'laptop: a page over NAT' : 'laptop: a page over IPv6',
    patience: 45_000,
    async run() {
      const argv = ['curl', family, '--silent', '--show-error', '--fail', '--max-time', '5']
      const text = await laptop.execOk([...argv, 'http://www.example.org/'], { timeout: 10_000 })
      const server = family === '-4' ? SERVERS.www.v4 : SERVERS.www.v6
      if (!text.includes(server)) throw new Error(`an unexpected page: ${text}`)
      return text.trim()
    },
  })
  return [
    ...CLIENTS.map((name) => ({
      what: `${name}: a lease`,
      patience: 60_000,
      run: () => leaseOf(lab.host(name)),
    })),
    {
      what: 'laptop: DNS with DNSSEC',
      patience: 45_000,
      async run() {
        const argv = ['dig', '+dnssec', '+time=3', '+tries=1', 'www.example.org', 'A']
        const said = await laptop.execOk(argv, { timeout: 10_000 })
        const flags = /^;; flags: ([a-z ]*);/m.exec(said)?.[1]?.split(' ') ?? []
        if (!flags.includes('ad')) throw new Error(`no ad flag in the answer, but: ${flags.join(' ')}`)
        if (!said.includes(SERVERS.www.v4)) throw new Error('another address than the one that was signed')
        return `${SERVERS.www.v4}, flags ${flags.join(' ')}`
      },
    },
    page('-4'),
    page('-6'),
  ]
}

async function leaseOf(client: Host): Promise<string> {
  const text = await client.execOk(['ip', '-json', '-4', 'address', 'show', 'dev', 'eth0', 'scope', 'global'])
  const links: { addr_info?: { local?: string; prefixlen?: number }[] }[] = JSON.parse(text)
  const address = links.flatMap((link) => link.addr_info ?? []).find((a) => a.local)
  if (address === undefined) throw new Error('no address yet')
  return `${address.local}/${address.prefixlen}`
}

/** Runs a check until it holds or its patience ends; then it throws with the last reason. */
export async function hold(check: Check): Promise<string> {
  const end = Date.now() + check.patience
  for (;;) {
    try {
      return await check.run()
    } catch (error) {
      if (Date.now() > end) throw error
      await new Promise((resolve) => setTimeout(resolve, 250))
    }
  }
}
