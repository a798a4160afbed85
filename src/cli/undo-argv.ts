import { join } from 'node:path'
import { PROJECT_ROOT } from '../router/image-ref.ts'
import { PATHS } from '../router/paths.ts'

/** The command that systemd's timer runs to undo what is not confirmed: the installed release's, or this checkout's. */
export function undoArgv(): string[] {
  const installed = PROJECT_ROOT.startsWith(`${PATHS.install}/`)
  // Whatever release is in use then: the one that runs us may have gone.
  const root = installed ? `${PATHS.install}/current` : PROJECT_ROOT
  const node = installed ? `${root}/bin/node` : process.execPath
  return [node, join(root, 'src/cli/start.js'), 'rollback', '--unconfirmed']
}
