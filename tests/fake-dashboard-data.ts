import type { DashboardData } from '../src/dashboard/dashboard-data.ts'

/** What a fake was asked: the method's name and what it got, without the signal. */
export type Asked = readonly [method: string, ...args: unknown[]]

/** Answers each question with its own name, and remembers them; `changes` replace methods. */
export function fakeDashboardData(changes: Partial<DashboardData> = {}): {
  readonly data: DashboardData
  readonly asked: Asked[]
} {
  const asked: Asked[] = []
  const answer =
    (name: string) =>
    async (...args: unknown[]): Promise<unknown> => {
      asked.push([name, ...args.filter((arg) => !isOptions(arg))])
      return { method: name }
    }
  const names = [
    'now',
    'devices',
    'device',
    'names',
    'questions',
    'connections',
    'search',
    'archive',
    'services',
  ]
  const fake = {
    ...Object.fromEntries([...names, 'changes', 'diff', 'plan', 'close'].map((name) => [name, answer(name)])),
    async *live(signal: AbortSignal) {
      yield { event: 'wan', data: { ipv4: 'up', ipv6: 'down' } }
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    },
    async *exportRows(kind: string, query: unknown, format: string) {
      asked.push(['exportRows', kind, query, format])
      yield 'name\n'
      yield 'printer\n'
    },
    ...changes,
  }
  // Answers have another shape than the contract's: it is their way through the server that is tested.
  return { data: fake as unknown as DashboardData, asked }
}

function isOptions(arg: unknown): boolean {
  return typeof arg === 'object' && arg !== null && 'signal' in arg
}
