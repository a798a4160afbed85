import { readdirSync, readFileSync } from 'node:fs'

/** Children of a process, as the given /proc numbers them. */
export function childrenOf(parent: number, proc = '/proc'): number[] {
  return readdirSync(proc)
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const stat = readFileSync(`${proc}/${pid}/stat`, 'utf8')
        // The command's name, in parentheses, may hold anything; the fields begin after the last one.
        return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === parent
      } catch {
        return false
      }
    })
}

/** Sends a signal to every descendant of a process, parents first, and to the process itself unless told. */
export function killTree(
  pid: number,
  signal: NodeJS.Signals,
  options: { readonly self?: boolean } = {},
): void {
  const children = childrenOf(pid)
  if (options.self !== false) send(pid, signal)
  for (const child of children) killTree(child, signal)
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended.
  }
}
