import { table } from '../lib/table.ts'
import type { RouterStatus, WatcherStatus } from './status.ts'

/** The status for people: a few aligned lines, what is wrong marked with "!". */
export function describeStatus(status: RouterStatus): string {
  const { agent, recorder } = status
  const generation =
    status.generation === null
      ? 'nothing applied yet'
      : `generation ${status.generation}${status.confirmed ? '' : ', not confirmed'}`
  const rows: string[][] = []
  for (const { zone, device, carrier, addresses } of status.links) {
    rows.push([mark(carrier), zone, device, carrier ? 'up' : 'no carrier', addresses.join(' ')])
  }
  if (agent) {
    const ways = [agent.wan.defaultRoute4 && 'IPv4', agent.wan.defaultRoute6 && 'IPv6'].filter(Boolean)
    const way = ways.length > 0 ? `by ${ways.join(' and ')}` : 'no default route'
    rows.push([
      mark(agent.wan.up),
      'Internet',
      '',
      agent.wan.up ? 'up' : 'down',
      `${way}, since ${agent.wan.since}`,
    ])
  }
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
  const pending = status.down
    ? 'down, as "sekisho down" left it. Back with: sekisho up'
    : status.pendingSteps === 0
      ? 'as router.yaml says'
      : `${status.pendingSteps} changes wait: see "sekisho plan"`
  return `${status.hostname}: ${generation}, ${pending}\n\n${table(rows)}`
}

function watcherWords({ ended, gaps, counts }: WatcherStatus): string {
  return [
    ...(counts ? [`${counts.received} seen, ${counts.stored} stored, ${counts.dropped} dropped`] : []),
    ...(counts?.kernelDrops ? [`${counts.kernelDrops} packets lost in the kernel`] : []),
    ...(gaps > 0 ? [`${gaps} gaps`] : []),
    ...(ended > 0 ? [`ended ${ended} times because it did not read`] : []),
  ].join(', ')
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
