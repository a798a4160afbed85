/** One line of a scrape. */
export interface ScrapedSample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\n"])*)"(?:,|$)/gy

/** Reads Prometheus' text format (prometheus.io/docs/instrumenting/exposition_formats); throws on what is not it. */
export function parseScrape(text: string): ScrapedSample[] {
  if (!text.endsWith('\n')) throw new Error('the last line has no end')
  return text.split('\n').flatMap((line): ScrapedSample[] => {
    if (line === '' || /^# (HELP|TYPE) /.test(line)) return []
    const [, name, labels = '', value] = LINE.exec(line) ?? []
    if (name === undefined || value === undefined) throw new Error(`not a sample: ${line}`)
    const number = value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value)
    if (Number.isNaN(number)) throw new Error(`not a value: ${line}`)
    return [{ name, labels: parseLabels(labels), value: number }]
  })
}

function parseLabels(text: string): Record<string, string> {
  const found: Record<string, string> = {}
  let end = 0
  for (const [all, name = '', value = ''] of text.matchAll(LABEL)) {
    found[name] = value.replaceAll(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char))
    end += all.length
  }
  if (end !== text.length) throw new Error(`not labels: ${text}`)
  return found
}
