import { join } from 'node:path'
import { PROJECT_ROOT } from './image-ref.ts'
import { PATHS } from './paths.ts'

/** The command line that a program of ours runs: the installed release's, or this checkout's. */
export function ownCommand(): string[] {
  const installed = PROJECT_ROOT.startsWith(`${PATHS.install}/`)
  // Whatever release is in use then: the one that runs us may have gone.
  const root = installed ? `${PATHS.install}/current` : PROJECT_ROOT
  const node = installed ? `${root}/bin/node` : process.execPath
  return [node, join(root, 'src/cli/start.js')]
}
