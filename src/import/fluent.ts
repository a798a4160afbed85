import type { OldS3 } from './config-json.ts'
import type { ReportBook } from './report.ts'
import { linesOf, type Source } from './source.ts'

/*
 * fluent.conf: <source> and <match> with "name value" lines. Its values may be secrets, and are not quoted.
 */

export interface OldFluent {
  readonly s3?: Partial<OldS3>
  /** Ports other than the usual ones. */
  readonly forwardPort?: number
  readonly netflowPort?: number
}

interface Block {
  readonly kind: string
  readonly tag: string
  readonly line: number
  readonly values: Map<string, string>
}

const MAX_BLOCKS = 500

/** Reads what the recorder has a word for; the rest is told in the book. */
export function readFluent({ file, text }: Source, book: ReportBook): OldFluent {
  let s3: Partial<OldS3> | undefined
  let ports: Pick<OldFluent, 'forwardPort' | 'netflowPort'> = {}
  for (const { kind, tag, line, values } of blocksOf(text)) {
    const type = values.get('@type') ?? values.get('type') ?? '?'
    const name = /^[\w-]{1,40}$/.test(type) ? type : '…'
    const port = Number(values.get('port'))
    const at = `${file}:${line}`
    if (kind === 'source' && ['forward', 'syslog', 'netflow'].includes(type)) {
      if (type === 'forward' && isPort(port, 24_224)) ports = { ...ports, forwardPort: port }
      if (type === 'netflow' && isPort(port, 2055)) ports = { ...ports, netflowPort: port }
      if (type === 'syslog' && isPort(port, 5514))
        book.add('left', at, 'the port of syslog', 'the recorder takes it at 127.0.0.1:5514')
      else book.add('carried', at, `source ${type}`, 'the recorder takes it')
    } else if (kind === 'match' && type === 's3') {
      s3 ??= s3Of(values)
      book.add(
        'carried',
        at,
        `match ${tagOf(tag)}: S3`,
        'modules.recorder.archive keeps every kind in the bucket',
      )
    } else if (kind === 'match' && type === 'mackerel')
      book.add('carried', at, `match ${tagOf(tag)}: Mackerel`, 'modules.mackerel')
    else if (kind === 'source' || kind === 'match' || kind === 'filter')
      book.add(
        'left',
        at,
        `${kind} ${name}`,
        'the recorder has nothing for it; a Fluentd of your own can get the records',
      )
  }
  return { ...(s3 && { s3 }), ...ports }
}

function blocksOf(text: string): Block[] {
  const blocks: Block[] = []
  let open: Block | undefined
  for (const { number, text: raw } of linesOf(text)) {
    const line = raw.trim()
    const start = /^<(source|match|filter|label|system)\b\s*([^>]*)>$/.exec(line)
    if (start && blocks.length < MAX_BLOCKS) {
      open = { kind: start[1] ?? '', tag: start[2] ?? '', line: number, values: new Map() }
      blocks.push(open)
    } else if (/^<\/(source|match|filter|label|system)>$/.test(line)) open = undefined
    else {
      const value = /^(@?[\w.]{1,60})\s+(.*)$/.exec(line)
      if (value && open) open.values.set(value[1] ?? '', (value[2] ?? '').replace(/^["']|["']$/g, ''))
    }
  }
  return blocks
}

function s3Of(values: ReadonlyMap<string, string>): Partial<OldS3> {
  const of = (key: string, name: string) => {
    const value = values.get(name)
    return value === undefined ? {} : { [key]: value }
  }
  return {
    ...of('key', 'aws_key_id'),
    ...of('secret', 'aws_sec_key'),
    ...of('region', 's3_region'),
    ...of('bucket', 's3_bucket'),
    ...of('endpoint', 's3_endpoint'),
  }
}

function isPort(port: number, usual: number): boolean {
  return Number.isInteger(port) && port > 0 && port <= 65_535 && port !== usual
}

function tagOf(tag: string): string {
  return /^[\w.*-]{1,60}$/.test(tag) ? tag : '…'
}
