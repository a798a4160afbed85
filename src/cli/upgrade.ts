import { Command } from 'commander'
export function upgradeCommand(): Command {
  return new Command('upgrade')
}
