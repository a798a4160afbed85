import { isIPv6 } from 'node:net'
import type { Host } from '../../../src/lab/host.ts'
import { hold } from '../../../src/lab/verify.ts'

/** What a TCP scan found at one address: each port's state, and the state of the rest. */
export interface Scan {
  readonly open: readonly number[]
  /** How many ports were in each other state: "closed" sent a reset, "filtered" did not answer. */
  readonly rest: Readonly<Record<string, number>>
}

/** A SYN scan of these ports (nmap's list, "-" for all) of an address, as nmap's XML tells it. */
export async function scanTcp(host: Host, address: string, ports: string): Promise<Scan> {
  // A rate of its own: nmap takes silence for a congested path and would slow down for minutes.
  const timing = ['-T4', '--max-retries', '2', '--max-rtt-timeout', '400ms']
  const rate = ['--min-rate', ports === '-' ? '3000' : '200']
  const argv = ['nmap', '-n', '-Pn', '-sS', ...timing, ...rate, '-p', ports, '-oX', '-']
  // nmap asks where a neighbour is for less than a second; on a busy machine the answer may come later.
  const run = async () => {
    const said = await host.execOk([...argv, ...(isIPv6(address) ? ['-6'] : []), address], {
      timeout: 300_000,
    })
    if (!/<host [^>]*>/.test(said)) throw new Error(`nmap scanned nothing: ${said}`)
    return said
  }
  const text = await hold({ what: `a scan of ${address}`, patience: 30_000, run })
  const open: number[] = []
  const rest: Record<string, number> = {}
  const count = (state: string, by: number) => {
    rest[state] = (rest[state] ?? 0) + by
  }
  for (const [, state = '', number] of text.matchAll(/<extraports state="([^"]+)" count="(\d+)">/g))
    count(state, Number(number))
  for (const [, port, state = ''] of text.matchAll(/<port [^>]*portid="(\d+)"><state state="([^"]+)"/g)) {
    if (state === 'open') open.push(Number(port))
    else count(state, 1)
  }
  return { open: open.sort((a, b) => a - b), rest }
}
