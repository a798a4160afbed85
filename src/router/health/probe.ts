/** One question about what the router does for people, asked before and after an apply. */
export interface Probe {
  /** What is asked, the same before and after: "default route (IPv4)". */
  readonly name: string
  /** Undefined when all is well, else what was seen instead, in words. */
  readonly run: () => Promise<string | undefined>
}

/** How long between two looks at what is not well yet. */
const PAUSE_MS = 300

/**
 * The names of those probes that are well now; all are asked at once. What is not well is asked once more: one lost
 * packet must not make it what need not work afterwards.
 */
export async function healthyNow(probes: readonly Probe[]): Promise<ReadonlySet<string>> {
  const ill = await illOf(probes)
  if (ill.length > 0) await pause()
  const still = new Set((await illOf(ill.map(({ probe }) => probe))).map(({ probe }) => probe.name))
  return new Set(probes.flatMap(({ name }) => (still.has(name) ? [] : [name])))
}

/**
 * Asks until all are well or the deadline, in seconds, is over; returns what is not well then, in words. What was
 * well once is not asked again: a good apply is not slowed.
 */
export async function awaitHealthy(probes: readonly Probe[], deadlineSecs: number): Promise<string[]> {
  const end = Date.now() + deadlineSecs * 1000
  for (let waiting = probes; ; ) {
    const ill = await illOf(waiting)
    if (ill.length === 0) return []
    if (Date.now() >= end) return ill.map(({ probe, saw }) => `${probe.name}: ${saw}`)
    waiting = ill.map(({ probe }) => probe)
    await pause()
  }
}

async function illOf(probes: readonly Probe[]): Promise<{ probe: Probe; saw: string }[]> {
  const seen = await Promise.all(probes.map(async (probe) => ({ probe, saw: await ask(probe) })))
  return seen.flatMap(({ probe, saw }) => (saw === undefined ? [] : [{ probe, saw }]))
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
}

function ask({ run }: Probe): Promise<string | undefined> {
  return run().catch((error: unknown) => (error instanceof Error ? error.message : String(error)))
}
