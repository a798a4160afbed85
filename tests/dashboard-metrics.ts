/** The names of metrics that a Grafana dashboard's queries (PromQL) ask for, each once. */
export function dashboardMetrics(text: string): string[] {
  const queries: string[] = []
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    for (const [key, inner] of Object.entries(value)) {
      if (key === 'expr' && typeof inner === 'string') queries.push(inner)
      else walk(inner)
    }
  }
  walk(JSON.parse(text))
  return [...new Set(queries.flatMap((query) => query.match(/\b(?:node|unbound|kea|sekisho)_\w+/g) ?? []))]
}
