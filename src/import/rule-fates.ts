import type { Iptables, IptablesRule } from './iptables.ts'
import type { ReportBook } from './report.ts'

/** What becomes of each rule, told once whatever chains lead to it. */
export class Fates {
  readonly #file: string
  readonly #rules: readonly IptablesRule[]
  readonly #carried = new Map<number, Set<string>>()
  readonly #left = new Map<number, Set<string>>()
  readonly #docker = new Set<number>()
  readonly #aside = new Set<number>()
  readonly #forwarded = new Set<number>()

  constructor({ file, tables }: Iptables) {
    this.#file = file
    this.#rules = tables.flatMap(({ rules }) => rules)
  }

  carried({ line }: IptablesRule, what: string): void {
    this.#carried.set(line, (this.#carried.get(line) ?? new Set()).add(what))
  }

  left({ line }: IptablesRule, why: string): void {
    this.#left.set(line, (this.#left.get(line) ?? new Set()).add(why))
  }

  /** One of Docker's own: it makes them itself, and nothing here does. */
  docker({ line }: IptablesRule): void {
    this.#docker.add(line)
    this.#aside.add(line)
  }

  /** A rule whose target is no verdict. */
  other(rule: IptablesRule, why: string): void {
    if (rule.target === 'LOG' || rule.target === 'NFLOG' || rule.target === 'ULOG')
      this.carried(rule, 'what is refused is recorded: sekisho logs drops')
    else if (rule.target === undefined) this.left(rule, why)
    else this.left(rule, `${why} is not known here`)
  }

  forwarded(rule: IptablesRule): void {
    this.#forwarded.add(rule.line)
  }

  isForwarded({ line }: IptablesRule): boolean {
    return this.#forwarded.has(line)
  }

  /** Whether a rule needs no further look. */
  isAside({ line }: IptablesRule): boolean {
    return this.#aside.has(line) || this.#docker.has(line)
  }

  report(book: ReportBook): void {
    const lines = new Map(this.#rules.map((rule) => [rule.line, rule]))
    const chains = new Set(this.#rules.map(({ chain }) => chain))
    for (const [line, rule] of lines) {
      const { text, target = '' } = rule
      // A jump is what the rules that it leads to are.
      if (this.#docker.has(line) || (chains.has(target) && !this.#left.has(line))) continue
      const from = `${this.#file}:${line}`
      const carried = this.#carried.get(line)
      const left = this.#left.get(line)
      if (carried) book.add('carried', from, text, [...carried].join('; '))
      if (left) book.add('left', from, text, [...left].join('; '))
      const isLoopback = rule.conditions.some((one) => one.kind === 'in' && one.device === 'lo' && !one.not)
      if (!carried && !left && isLoopback && rule.target === 'ACCEPT')
        book.add('carried', from, text, 'the router to itself')
      else if (!carried && !left && target !== 'RETURN')
        book.add('left', from, text, 'it matches nothing between the zones that are known')
    }
    if (this.#docker.size > 0)
      book.add(
        'carried',
        this.#file,
        `${this.#docker.size} rules of Docker's own`,
        'Docker makes them itself',
      )
  }
}
