import type { ReportBook } from './report.ts'
import { joinedLinesOf, type Source } from './source.ts'

/** The port at which the old router's Fluentd took syslog; the recorder takes it there too. */
const PORT = '5514'

/** Tells what becomes of a file of /etc/rsyslog.d. */
export function readRsyslog({ file, text }: Source, book: ReportBook): void {
  for (const { number, text: raw } of joinedLinesOf(text)) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    const target = /@@?(?:\([^)]*\))?(?:127\.0\.0\.1|localhost|\[::1\]):(\d{1,5})/.exec(line)
    const at = `${file}:${number}`
    if (target && target[1] === PORT) {
      book.add(
        'carried',
        at,
        'the syslog of the host',
        'the recorder gets it, over a queue that loses nothing',
      )
      book.add(
        'todo',
        at,
        'remove this line from /etc/rsyslog.d on the router',
        'the recorder listens there too and would get every line twice',
      )
    } else book.add('left', at, 'a line of rsyslog', 'rsyslog keeps its own files: this one stays as it is')
  }
}
