const ASIDE = '#sekisho# '
/** Options of a stanza that name other devices: a bridge, bond or VLAN on one of our ports would keep it. */
const LOWER = /^(bridge[-_]ports|bond[-_]slaves|slaves|vlan[-_]raw[-_]device)$/

export interface Stripped {
  readonly text: string
  /** Names of ours that had a stanza, sorted. */
  readonly found: readonly string[]
}

/**
 * Comments out what interfaces(5) says about these devices: their `iface` stanzas, their names in `auto` and
 * `allow-*` lines, and stanzas of devices built on top of them. Everything else stays as it is.
 */
export function withoutDevices(text: string, devices: ReadonlySet<string>): Stripped {
  const found = new Set<string>()
  const isOurs = (name: string) => devices.has(name.split(':')[0] ?? name)
  const lines = logicalLines(text)
  const out: string[] = []
  for (let i = 0; i < lines.length; ) {
    const line = lines[i] ?? ''
    const [keyword = '', ...words] = line.replaceAll('\\\n', ' ').trim().split(/\s+/)
    if (keyword === 'iface' || keyword === 'mapping') {
      let end = i + 1
      while (
        end < lines.length &&
        !/^\s*(iface|mapping|auto|allow-\S+|source|source-directory|no-\S+)\b/.test(lines[end] ?? '')
      )
        end++
      const body = lines.slice(i, end)
      const builtOnOurs = body.slice(1).some((option) => {
        const [name = '', ...values] = option.replaceAll('\\\n', ' ').trim().split(/\s+/)
        return LOWER.test(name) && values.some(isOurs)
      })
      const ours = words[0] !== undefined && (isOurs(words[0]) || builtOnOurs)
      if (ours && words[0] !== undefined) found.add(words[0])
      // Blank lines and comments after the stanza are not part of it.
      const last = body.findLastIndex((option) => !/^\s*(#.*)?$/.test(option))
      out.push(...body.map((option, at) => (ours && at <= last ? aside(option) : option)))
      i = end
    } else if (keyword === 'auto' || keyword.startsWith('allow-')) {
      const rest = words.filter((word) => !isOurs(word))
      if (rest.length === words.length) out.push(line)
      else {
        for (const word of words.filter(isOurs)) found.add(word)
        out.push(aside(line), ...(rest.length > 0 ? [`${keyword} ${rest.join(' ')}`] : []))
      }
      i++
    } else {
      out.push(line)
      i++
    }
  }
  return { text: out.join('\n'), found: [...found].sort() }
}

/** Lines, with a line that ends in a backslash joined to the next by "\\\n". */
function logicalLines(text: string): string[] {
  const lines: string[] = []
  for (const line of text.split('\n')) {
    const last = lines.at(-1)
    if (last?.endsWith('\\')) lines[lines.length - 1] = `${last}\n${line}`
    else lines.push(line)
  }
  return lines
}

function aside(line: string): string {
  return line
    .split('\n')
    .map((part) => (part.trim() === '' ? part : ASIDE + part))
    .join('\n')
}
