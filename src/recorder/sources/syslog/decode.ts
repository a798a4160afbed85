import type { SyslogRecord } from '../../records/syslog.ts'
import { type Instant, instantOf, parseRfc3339 } from '../../records/time.ts'

const DAY_MS = 86_400_000
const MAX_ELEMENTS = 64
const MAX_PARAMS = 256
/** RFC 5424 section 6: PRINTUSASCII fields and their lengths; "-" is the nil value. */
const HEADER_5424 = /^1 (\S{1,64}) ([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) (?=-|\[)/
/** RFC 3164 section 4.1.2: "Nov  3 01:02:03 host ", with the day padded by a space or a zero. */
const TIME_3164 =
  /^(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) ([ 0-3]?\d) (\d{2}):(\d{2}):(\d{2})(?:\.\d{1,9})?(?: (?=\S)|$)/
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
/** "app[123]: " or "app: " (RFC 3164 section 4.1.3, and what programs write as TAG today). */
const TAG_3164 = /^([!-9;-Z\\^-~]{1,64})(?:\[([!-Z\\^-~]{1,128})\])?:(?: |$)/

/**
 * Decodes a syslog message of RFC 5424 or RFC 3164. A message that is neither is kept whole as user.notice, as RFC
 * 3164 section 4.3.3 has a relay do. Undefined when it holds nothing. `nowMs` is the time of arrival; a 3164 time
 * is in the process's own time zone and gets the year that brings it nearest to it.
 */
export function decodeSyslog(
  message: Buffer,
  nowMs: number,
  truncated = false,
): { readonly epochMs: number; readonly record: SyslogRecord } | undefined {
  const text = message.toString('utf8').replace(/[\r\n\0]+$/, '')
  if (text.trim() === '') return undefined
  const pri = /^<(0|[1-9]\d{0,2})>/.exec(text)
  const priority = pri ? Number(pri[1]) : Number.NaN
  if (!pri || !(priority <= 191))
    return finish(undefined, { facility: 1, severity: 5, msg: text, format: 'raw' })

  const level = { facility: priority >> 3, severity: priority & 7 }
  const rest = text.slice(pri[0].length)
  const fields = decode5424(rest) ?? decode3164(rest, nowMs)
  const { instant, ...found } = fields
  return finish(instant, { ...level, ...found })

  function finish(instant: Instant | undefined, fields: Omit<SyslogRecord, 'time'>) {
    const arrived = instantOf(nowMs)
    const own = instant ?? arrived
    const doubtful = !instant || Math.abs(own.epochMs - nowMs) > DAY_MS
    return {
      epochMs: own.epochMs,
      record: {
        time: own.text,
        ...(doubtful && { receivedTime: arrived.text }),
        ...fields,
        ...(truncated && { truncated: true as const }),
      },
    }
  }
}

type Fields = Omit<SyslogRecord, 'time' | 'receivedTime' | 'facility' | 'severity' | 'truncated'> & {
  readonly instant: Instant | undefined
}

function decode5424(rest: string): Fields | undefined {
  const header = HEADER_5424.exec(rest)
  if (!header) return undefined
  const [, timestamp = '-', hostname, appName, procId, msgId] = header
  const instant = timestamp === '-' ? undefined : parseRfc3339(timestamp)
  if (timestamp !== '-' && !instant) return undefined
  const data = parseStructuredData(rest, header[0].length)
  if (!data) return undefined
  const msg = rest.slice(data.end + 1).replace(/^\uFEFF/, '')
  return {
    instant,
    ...(hostname !== '-' && { hostname: hostname ?? '' }),
    ...(appName !== '-' && { appName: appName ?? '' }),
    ...(procId !== '-' && { procId: procId ?? '' }),
    ...(msgId !== '-' && { msgId: msgId ?? '' }),
    ...(data.elements && { structuredData: data.elements }),
    msg,
    format: 'rfc5424',
  }
}

const SD_NAME = /[!#-<>-\\^-~]{1,32}/y
const SD_VALUE = /"((?:[^"\\\]]|\\[\s\S])*)"/y

/** RFC 5424 section 6.3, from `start`; undefined when it is not that, or not followed by a space or the end. */
function parseStructuredData(
  text: string,
  start: number,
): { readonly elements?: Record<string, Record<string, string>>; readonly end: number } | undefined {
  if (text[start] === '-') return ends(text, start + 1) ? { end: start + 1 } : undefined
  // Entries and fromEntries make own properties of any name, "__proto__" too.
  const elements: [string, [string, string][]][] = []
  let at = start
  let params = 0
  while (text[at] === '[') {
    const id = match(SD_NAME, text, at + 1)
    if (!id || elements.length >= MAX_ELEMENTS) return undefined
    at += 1 + id[0].length
    const values: [string, string][] = []
    while (text[at] === ' ') {
      const name = match(SD_NAME, text, at + 1)
      if (!name || text[at + 1 + name[0].length] !== '=') return undefined
      at += 2 + name[0].length
      const value = match(SD_VALUE, text, at)
      params += 1
      if (!value || params > MAX_PARAMS) return undefined
      at += value[0].length
      values.push([name[0], (value[1] ?? '').replace(/\\(["\\\]])/g, '$1')])
    }
    if (text[at] !== ']') return undefined
    at += 1
    elements.push([id[0], values])
  }
  if (!ends(text, at)) return undefined
  const entries = elements.map(([id, values]) => [id, Object.fromEntries(values)] as const)
  return { elements: Object.fromEntries(entries), end: at }
}

function ends(text: string, at: number): boolean {
  return at === text.length || text[at] === ' '
}

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at
  return pattern.exec(text)
}

function decode3164(rest: string, nowMs: number): Fields {
  const time = TIME_3164.exec(rest)
  const iso = time ? undefined : /^(\d{4}-\d\d-\d\dT\S{8,30}) (?=\S)/.exec(rest)
  const instant = time ? nearestYear(time, nowMs) : iso?.[1] ? parseRfc3339(iso[1]) : undefined
  if (!instant) return { instant: undefined, ...tagged(rest), format: 'rfc3164' }
  const afterTime = rest.slice((time ?? iso)?.[0].length)
  // Messages of the local socket have no host name: then what follows the time is the tag.
  const local = TAG_3164.test(afterTime)
  const host = local ? null : /^([!-~]{1,255}) /.exec(afterTime)
  return {
    instant,
    ...(host?.[1] && { hostname: host[1] }),
    ...tagged(host ? afterTime.slice(host[0].length) : afterTime),
    format: 'rfc3164',
  }
}

function tagged(content: string): Pick<SyslogRecord, 'appName' | 'procId' | 'msg'> {
  const tag = TAG_3164.exec(content)
  if (!tag?.[1]) return { msg: content }
  return {
    appName: tag[1],
    ...(tag[2] && { procId: tag[2] }),
    msg: content.slice(tag[0].length),
  }
}

function nearestYear(time: RegExpExecArray, nowMs: number): Instant | undefined {
  const [, monthName = '', day, hour, minute, second] = time
  const month = MONTHS.indexOf(monthName)
  const [d, h, m, s] = [Number(day), Number(hour), Number(minute), Number(second)]
  if (d < 1 || d > 31 || h > 23 || m > 59 || s > 59) return undefined
  const year = new Date(nowMs).getFullYear()
  const candidates = [year - 1, year, year + 1]
    .map((y) => new Date(y, month, d, h, m, s))
    // The 29th of February does not exist in each of them.
    .filter((date) => date.getDate() === d)
    .map((date) => date.getTime())
    .sort((a, b) => Math.abs(a - nowMs) - Math.abs(b - nowMs))
  return candidates[0] === undefined ? undefined : instantOf(candidates[0])
}
