/** A rule of the kernel's, as `nft --handle list ruleset` prints it. */
export interface RuleText {
  readonly family: string
  readonly table: string
  readonly chain: string
  readonly handle: number
  /** Without its comment and handle. */
  readonly text: string
  readonly comment?: string
}

/** Reads the listing of a ruleset with handles; what is no rule is passed over. */
export function readRules(listing: string): RuleText[] {
  const rules: RuleText[] = []
  let table: { family: string; name: string } | undefined
  let chain: string | undefined
  for (const line of listing.split('\n')) {
    const head = /^table (\S+) (\S+) \{/.exec(line)
    const inner = /^\t(chain|\S+) (\S+) \{/.exec(line)
    if (head) table = { family: head[1] ?? '', name: head[2] ?? '' }
    else if (inner) chain = inner[1] === 'chain' ? inner[2] : undefined
    const rule = /^\t\t(\S.*?)(?: comment "([^"]*)")? # handle (\d+)$/.exec(line)
    if (!rule || !table || chain === undefined) continue
    const [, text = '', comment, handle] = rule
    const where = { family: table.family, table: table.name, chain, handle: Number(handle) }
    rules.push({ ...where, text, ...(comment !== undefined && { comment }) })
  }
  return rules
}
