/** What becomes of signals: they are put off while steps are done, and meant once nothing is done any more. */
export interface Interrupts {
  onSignal: (() => void) | undefined
}

/** Half a change is worse than none: a lost terminal or a Ctrl-C does not end it, and it ends by itself. */
export function outliveTheTerminal(): Interrupts {
  const interrupts: Interrupts = { onSignal: undefined }
  for (const signal of ['SIGINT', 'SIGHUP', 'SIGTERM'] as const)
    process.on(signal, () => {
      if (interrupts.onSignal) interrupts.onSignal()
      else process.stderr.write('  finishing first: it can be undone afterwards\n')
    })
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  return interrupts
}
