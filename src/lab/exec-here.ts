import { spawn } from 'node:child_process'
import type { Lab } from './lab.ts'
import type { HostName } from './topology.ts'

const ENDS = ['SIGTERM', 'SIGHUP'] as const

/** Runs a command in a host on this terminal and returns its exit code. */
export async function execHere(lab: Lab, name: HostName, argv: readonly string[]): Promise<number> {
  // The command dies with nsenter, and nsenter is to die with us, should we be killed.
  const child = spawn('setpriv', ['--pdeathsig=KILL', '--', ...lab.host(name).command(argv)], {
    stdio: 'inherit',
  })
  // Ctrl-C is the command's to answer: it is in our terminal's foreground too.
  const ignore = () => {}
  process.on('SIGINT', ignore)
  // A signal to us alone would leave the command behind in the lab.
  const end = () => child.kill('SIGKILL')
  for (const signal of ENDS) process.on(signal, end)
  try {
    return await new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 137)))
    })
  } finally {
    process.off('SIGINT', ignore)
    for (const signal of ENDS) process.off(signal, end)
  }
}
