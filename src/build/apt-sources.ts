interface Entry {
  readonly types: readonly string[]
  readonly uris: readonly string[]
  readonly suites: readonly string[]
  readonly components: readonly string[]
  readonly signedBy?: string
}

/**
 * Rewrites a Debian machine's apt sources to trixie: only entries of the Debian archive for `codename`, its
 * updates and its security suite, as one deb822 text (sources.list(5)). Undefined when there is none.
 */
export function toTrixie(
  files: readonly { readonly path: string; readonly text: string }[],
  codename: string,
): string | undefined {
  const entries = files.flatMap(({ path, text }) =>
    path.endsWith('.sources') ? parseDeb822(text) : parseList(text),
  )
  const stanzas = new Set<string>()
  for (const entry of entries) {
    if (!entry.types.includes('deb') || !isDebianArchive(entry)) continue
    const uris = entry.uris.filter((uri) => !uri.startsWith('cdrom:'))
    const suites = entry.suites
      .filter((suite) => ['', '-updates', '-security'].some((tail) => suite === codename + tail))
      .map((suite) => suite.replace(codename, 'trixie'))
    if (suites.length === 0 || uris.length === 0) continue
    stanzas.add(
      [
        'Types: deb',
        `URIs: ${uris.join(' ')}`,
        `Suites: ${suites.join(' ')}`,
        'Components: main',
        ...(entry.signedBy === undefined ? [] : [`Signed-By: ${entry.signedBy}`]),
        '',
      ].join('\n'),
    )
  }
  // Security or updates alone cannot bootstrap anything.
  const hasBase = [...stanzas].some((stanza) => /^Suites:.* trixie( |$)/m.test(stanza))
  return hasBase ? [...stanzas].join('\n') : undefined
}

/** Other vendors name their suites after Debian's too, but sign with their own keys or lack `main`. */
function isDebianArchive(entry: Entry): boolean {
  const ours =
    entry.signedBy === undefined || /(^|\/)debian-archive-[a-z0-9-]*\.(gpg|asc|pgp)$/.test(entry.signedBy)
  return ours && entry.components.includes('main')
}

function parseDeb822(text: string): Entry[] {
  return text.split(/\n[ \t]*\n/).flatMap((stanza) => {
    const fields = new Map<string, string>()
    let last: string | undefined
    for (const line of stanza.split('\n')) {
      if (line.startsWith('#')) continue
      const field = /^([A-Za-z-]+):\s*(.*)$/.exec(line)
      if (field?.[1] !== undefined) {
        last = field[1].toLowerCase()
        fields.set(last, (field[2] ?? '').trim())
      } else if (last !== undefined && /^\s/.test(line)) {
        fields.set(last, `${fields.get(last)} ${line.trim()}`.trim())
      }
    }
    if (/^(no|false|off|0)$/i.test(fields.get('enabled') ?? '')) return []
    const signedBy = fields.get('signed-by')
    return [
      {
        types: words(fields.get('types')),
        uris: words(fields.get('uris')),
        suites: words(fields.get('suites')),
        components: words(fields.get('components')),
        ...(signedBy ? { signedBy } : {}),
      },
    ]
  })
}

function parseList(text: string): Entry[] {
  return text.split('\n').flatMap((raw) => {
    const match = /^(deb)\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)\s+(.+)$/.exec(raw.replace(/#.*/, '').trim())
    if (match === null) return []
    const [, , options = '', uri = '', suite = '', components = ''] = match
    const signedBy = /(?:^|\s)signed-by=(\S+)/.exec(options)?.[1]
    return [
      {
        types: ['deb'],
        uris: [uri],
        suites: [suite],
        components: words(components),
        ...(signedBy === undefined ? {} : { signedBy }),
      },
    ]
  })
}

function words(text: string | undefined): string[] {
  return (text ?? '').split(/\s+/).filter((word) => word !== '')
}
