import { readFileSync } from 'node:fs'

/** A process that cannot be confused with a later one of the same number. */
export interface ProcessId {
  readonly pid: number
  /** Clock ticks after boot, proc_pid_stat(5) field 22. */
  readonly startTime: string
}

/** Identifies a running process; undefined when there is none, or only a zombie. */
export function identify(pid: number): ProcessId | undefined {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return undefined
  }
  // The command's name, in parentheses, may hold anything; the fields begin after the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const startTime = fields[19]
  if (startTime === undefined || fields[0] === 'Z' || fields[0] === 'X') return undefined
  return { pid, startTime }
}

export function isAlive(process: ProcessId): boolean {
  return identify(process.pid)?.startTime === process.startTime
}
