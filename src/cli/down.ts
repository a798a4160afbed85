import { Command } from 'commander'
import { down } from '../router/apply/down.ts'
import { createHost } from '../router/host.ts'
import { outliveTheTerminal } from './outlive.ts'
import { asRoot } from './report.ts'
import { say } from './run-apply.ts'

const STAYS = `Down: nothing of Sekisho runs and no packet is forwarded, not even after a boot.
  What stays: the addresses of the links, so that you can reach this machine; the firewall, closed as before; all
  data, and router.yaml. What nobody does now: give leases and names, and record.
  Back with: sekisho up
`

/** `sekisho down`: stops what runs, until `up` or `apply`. Exit 0: it is stopped; 1: not all of it. */
export function downCommand(): Command {
  return new Command('down')
    .description(
      'stop containers, agent and forwarding until `up` or `apply`; you can still reach this machine',
    )
    .action(async () => {
      if (!asRoot('down', 'stops services')) return
      outliveTheTerminal()
      const result = await down(createHost(), { onProgress: say })
      if (result.ok) {
        process.stdout.write(result.changed ? STAYS : 'It is down already. Back with: sekisho up\n')
        return
      }
      process.stderr.write('\nNot everything is stopped:\n')
      for (const line of result.failures) say(line)
      process.exitCode = 1
    })
}
