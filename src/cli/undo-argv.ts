import { ownCommand } from '../router/own-command.ts'

/** The command that systemd's timer runs to undo what is not confirmed. */
export function undoArgv(): string[] {
  return [...ownCommand(), 'rollback', '--unconfirmed']
}
