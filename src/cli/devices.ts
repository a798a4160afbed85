import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Command } from 'commander'
import { overviewOf } from '../recorder/devices/overview.ts'
import { type DevicesState, parseState } from '../recorder/devices/state.ts'
import { PATHS } from '../router/paths.ts'
import { describeDevices } from '../status/describe-devices.ts'

/** What is known now; after a boot, until the recorder runs, what was known last. */
const FILES = [
  join(PATHS.run, 'recorder/devices.json'),
  join(PATHS.data, 'recorder/records/state/devices.json'),
]

/** `sekisho devices`: who is on the networks now, or ever was. Exit 1 when there is no recorder to know. */
export function devicesCommand(): Command {
  return new Command('devices')
    .description('the devices on the networks: name, MAC address, vendor, addresses')
    .option('-a, --all', 'those too that have no address now')
    .option('--json', 'for programs')
    .action(async (options: { all?: boolean; json?: boolean }) => {
      const state = await firstOf(FILES)
      if (typeof state === 'string') {
        process.stderr.write(`${state}\n`)
        process.exitCode = 1
        return
      }
      const devices = overviewOf(state, options.all === true)
      process.stdout.write(options.json ? `${JSON.stringify(devices, null, 2)}\n` : describeDevices(devices))
    })
}

/** The first state that is there, or why there is none. */
async function firstOf(files: readonly string[]): Promise<DevicesState | string> {
  for (const file of files) {
    try {
      return parseState(await readFile(file, 'utf8'))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EACCES') return `${file} is root's. Fix: run it as root`
      // One that is not there yet, or of another version: the next.
    }
  }
  return 'nothing is known of any device. Fix: add "recorder" to the modules of router.yaml and apply'
}
