import { table } from '../lib/table.ts'
import { describePppSession } from '../router/ppp-session.ts'
import type { RouterStatus, WatcherStatus } from './status.ts'

/** The status for people: a few aligned lines, what is wrong marked with "!". */
export function describeStatus(status: RouterStatus): string {
  const { agent, recorder } = status
  const generation =
    status.generation === null
      ? 'nothing applied yet'
      : `generation ${status.generation}${status.confirmed ? '' : `, ${unconfirmed(status.confirmWithinSecs)}`}`
  const rows: string[][] = []
  for (const { zone, device, carrier, addresses } of status.links) {
    rows.push([mark(carrier), zone, device, carrier ? 'up' : 'no carrier', addresses.join(' ')])
  }
  const { session } = status
  if (session !== undefined) {
    const words = session === null ? 'sekisho-pppoe.service is not running' : describePppSession(session)
    rows.push([mark(session?.state === 'up'), 'PPPoE', '', session?.state ?? 'down', words])
  }
  if (agent) rows.push(...wanRows(agent.wan, status.lease))
  rows.push([])
  rows.push([mark(status.firewall === 'loaded'), 'firewall', '', status.firewall])
  rows.push([mark(agent !== null), 'sekishod', '', agent ? 'running' : 'not running', agentWords(agent)])
  for (const { service, state } of status.services) rows.push([mark(state === 'healthy'), service, '', state])
  if (recorder) {
    rows.push([])
    if (recorder.storeError !== undefined) rows.push(['!', 'records', '', recorder.storeError])
    const { segments, rows: lost } = recorder.log.dropped
    if (segments > 0)
      rows.push(['!', 'records', '', `${lost} deleted unconverted: the log was over its budget`])
    const { upload } = recorder.archive
    if (upload) rows.push([mark(upload.problem === undefined), 'bucket', '', uploadWords(upload)])
    for (const { address, state, forwarded, lost } of recorder.forwardTo ?? []) {
      const words = `${forwarded} acknowledged${lost > 0 ? `, ${lost} given up unsent: the log was over its budget` : ''}`
      rows.push([mark(state === 'up'), 'forward_to', address, state, words])
    }
    for (const [source, counts] of Object.entries(recorder.sources)) {
      const { received, stored, dropped, malformed } = counts
      const words = `${received} received, ${stored} stored, ${dropped} dropped, ${malformed} malformed`
      rows.push([mark(counts.state === 'up'), source, '', counts.state, words])
    }
  }
  for (const watcher of status.watchers ?? [])
    rows.push([
      mark(watcher.state === 'up'),
      `watch ${watcher.name}`,
      '',
      watcher.state,
      watcherWords(watcher),
    ])
  if (status.mackerel) rows.push(mackerelRow(status.mackerel))
  const pending = status.down
    ? 'down, as "sekisho down" left it. Back with: sekisho up'
    : status.pendingSteps === 0
      ? 'as router.yaml says'
      : `${status.pendingSteps} changes wait: see "sekisho plan"`
  return `${status.hostname}: ${generation}, ${pending}\n\n${table(rows)}`
}

type Wan = NonNullable<RouterStatus['agent']>['wan']

/** "Internet", and what the provider gave. */
function wanRows(
  { state, ipv4, ipv6, since, gateway4, gateway6 }: Wan,
  lease: RouterStatus['lease'],
): string[][] {
  const versions = [
    { name: 'IPv4', reach: ipv4, gateway: gateway4 },
    { name: 'IPv6', reach: ipv6, gateway: gateway6 },
  ]
  const words = versions.flatMap(({ name, reach, gateway }) => {
    if (reach === 'up') return [gateway === undefined ? name : `${name} by ${gateway}`]
    if (reach === 'no-address') return []
    if (gateway === undefined) return [`${name}: no default route`]
    return [
      `${name}: ${gateway} ${reach === 'no-internet' ? 'answers and nothing beyond does' : 'does not answer'}`,
    ]
  })
  // One version may be all that there is; one that is there and carries nothing is a fault.
  const good = state === 'up' && versions.every(({ reach }) => reach === 'up' || reach === 'no-address')
  const left = lease.secondsLeft === undefined ? [] : [`${duration(lease.secondsLeft)} of the lease left`]
  const delegated = lease.delegated.length > 0 ? [`delegated ${lease.delegated.join(' ')}`] : []
  const given = [...delegated, ...left].join(', ')
  return [
    [mark(good), 'Internet', '', state, [...words, `since ${since}`].join(', ')],
    ...(given === '' ? [] : [['', '', '', '', given]]),
  ]
}

function duration(secs: number): string {
  if (secs < 120) return `${secs} s`
  return secs < 7200 ? `${Math.round(secs / 60)} min` : `${Math.round(secs / 3600)} h`
}

function unconfirmed(secs: number | null): string {
  if (secs === null) return 'not confirmed'
  if (secs === 0) return 'not confirmed in time and going back'
  return `which goes back in ${secs} s unless "sekisho confirm" keeps it`
}

function watcherWords({ ended, gaps, counts }: WatcherStatus): string {
  return [
    ...(counts ? [`${counts.received} seen, ${counts.stored} stored, ${counts.dropped} dropped`] : []),
    ...(counts?.kernelDrops ? [`${counts.kernelDrops} packets lost in the kernel`] : []),
    ...(gaps > 0 ? [`${gaps} gaps`] : []),
    ...(ended > 0 ? [`ended ${ended} times because it did not read`] : []),
  ].join(', ')
}

function mackerelRow({ state, problem, ...counts }: NonNullable<RouterStatus['mackerel']>): string[] {
  const words = [
    `${counts.posted} posted`,
    ...(counts.waiting > 0 ? [`${counts.waiting} wait`] : []),
    ...(counts.givenUp > 0 ? [`${counts.givenUp} given up: too old, or no room`] : []),
    ...(counts.refused > 0 ? [`${counts.refused} refused`] : []),
  ].join(', ')
  const good = state === 'up' && problem === undefined
  return [mark(good), 'metrics', '', state, problem === undefined ? words : `${words}; ${problem}`]
}

type Upload = NonNullable<NonNullable<RouterStatus['recorder']>['archive']['upload']>

function uploadWords({ problem, waiting, dropped }: Upload): string {
  const lost = dropped.files === 0 ? [] : [`${dropped.files} files given up unsent: the spool was full`]
  return [problem ?? 'has everything that is due', ...(waiting > 0 ? [`${waiting} wait`] : []), ...lost].join(
    '; ',
  )
}

function mark(good: boolean): string {
  return good ? ' ' : '!'
}

function agentWords(agent: RouterStatus['agent']): string {
  if (!agent) return ''
  const failing = Object.entries(agent.jobs).filter(([, job]) => !job.ok)
  if (failing.length > 0)
    return failing.map(([name, job]) => `${name}: ${job.lastError ?? 'failing'}`).join('; ')
  return agent.names ? `${agent.names.count} names from ${agent.names.leases} leases` : ''
}
