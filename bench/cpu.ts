import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/** Processor time that a process has used, in seconds (proc(5): clock ticks are hundredths). */
export async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** The processor time of a process once it uses no more. */
export async function settledCpuSeconds(pid: number): Promise<number> {
  for (let before = -1; ; ) {
    const used = await cpuSeconds(pid)
    if (used === before) return used
    before = used
    await sleep(1000)
  }
}
