import { readFileSync } from 'node:fs'

const DIRECTORY = '/proc/sys/net/netfilter'

/** How many connections the kernel tracks in this network namespace, and how many it would at most. */
export function conntrackFigures(): { readonly count: number; readonly max: number } {
  return { count: figure('nf_conntrack_count'), max: figure('nf_conntrack_max') }
}

/** What must be on for exact records, and is not. */
export function missingSettings(): string[] {
  return ['nf_conntrack_acct', 'nf_conntrack_timestamp', 'nf_conntrack_events'].filter(
    (name) => figure(name) === 0,
  )
}

/** 0 where connection tracking is not loaded. */
function figure(name: string): number {
  try {
    return Number(readFileSync(`${DIRECTORY}/${name}`, 'utf8'))
  } catch {
    return 0
  }
}
