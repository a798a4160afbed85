/** Half a change is worse than none: a lost terminal or a Ctrl-C does not end it, and it ends by itself. */
export function outliveTheTerminal(): void {
  for (const signal of ['SIGINT', 'SIGHUP', 'SIGTERM'] as const)
    process.on(signal, () => process.stderr.write('  finishing first: it can be undone afterwards\n'))
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
}
