import { Refusal } from '../move/refusal.ts'

/** Says why a command did nothing, on standard error, and returns its exit code; throws what is a bug. */
export function refused(error: unknown): number {
  if (error instanceof Refusal) process.stderr.write(`sekisho: ${error.message}. Fix: ${error.fix}\n`)
  else if (error instanceof Error && 'syscall' in error)
    process.stderr.write(
      `sekisho: ${error.message}. Nothing was changed. Fix: see to the disk and try again\n`,
    )
  else throw error
  return 1
}
