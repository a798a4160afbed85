import { readFile } from 'node:fs/promises'
import { Command } from 'commander'
import { changing } from './change-command.ts'
import type { Changed } from './change-router.ts'
import type { PlannedReservation } from './plan-reservation.ts'
import { asRoot, routerFile } from './report.ts'

interface ReserveOptions {
  readonly address?: string
  readonly name?: string
  readonly file?: string
  readonly apply?: boolean
  readonly json?: boolean
}

/** `sekisho leases`: who has which address from our DHCP server, and the way to keep it or to take it back. */
export function leasesCommand(): Command {
  const command = new Command('leases')
    .description('the addresses that DHCP has given out; release one, or reserve it for its device')
    .option('-a, --all', 'those too that are over or were declined')
    .option('--json', 'for programs')
    .action(async (options: { all?: boolean; json?: boolean }) => {
      process.exitCode = await guarded(() => list(options.all === true, options.json === true))
    })
  command
    .command('release')
    .description('take an address back; its device keeps it until it asks again')
    .argument('<address>', 'the address')
    .action(async (address: string) => {
      process.exitCode = await guarded(() => release(address))
    })
  command
    .command('reserve')
    .description(
      'write the address of a device into router.yaml: it has that one and no other from then on; one that has a reservation may get another',
    )
    .argument('<who>', 'the address that it has, its MAC address, or its name')
    .option('--address <address>', 'another address than it has')
    .option('--name <name>', 'another name than it says')
    .option('-f, --file <file>', 'the router.yaml')
    .option('--apply', 'apply it at once')
    .option('--json', 'with --apply: the result for programs')
    .action(async (who: string, _: ReserveOptions, own: Command) => {
      // --json is also an option of `leases`, which reads it first.
      const options = own.optsWithGlobals<ReserveOptions>()
      if (options.apply)
        await changing('leases reserve', options.json === true, () => reserveNow(who, options))
      else process.exitCode = await guarded(() => reserve(who, options))
    })
  return command
}

/** The answer of `work`, or 1 with the reason why there is none. */
async function guarded(work: () => Promise<number>): Promise<number> {
  if (!asRoot('leases', 'asks the DHCP server')) return 1
  const { Refusal } = await import('../move/refusal.ts')
  try {
    return await work()
  } catch (error) {
    if (error instanceof Refusal)
      process.stderr.write(`sekisho leases: ${error.message}. Fix: ${error.fix}\n`)
    else throw error
    return 1
  }
}

async function list(all: boolean, json: boolean): Promise<number> {
  const { knownLeases } = await import('./known-leases.ts')
  const { leases } = await knownLeases()
  const shown = all ? leases : leases.filter(({ state }) => state === 'in use')
  if (json) process.stdout.write(`${JSON.stringify(shown, null, 2)}\n`)
  else {
    const { describeLeases } = await import('../status/describe-leases.ts')
    process.stdout.write(describeLeases(shown, Date.now()))
  }
  return 0
}

async function release(address: string): Promise<number> {
  const { isIPv4 } = await import('node:net')
  const { Refusal } = await import('../move/refusal.ts')
  if (!isIPv4(address))
    throw new Refusal(`${JSON.stringify(address)} is not an IPv4 address`, 'sekisho leases lists them')
  const { askDhcp, dhcpServer } = await import('./known-leases.ts')
  const { socket } = await dhcpServer()
  const { released } = await import('../status/listed-leases.ts')
  if (!released(await askDhcp(socket, 'lease4-del', { 'ip-address': address })))
    throw new Refusal(`nobody has ${address} from our DHCP server`, 'sekisho leases lists who has which')
  process.stdout.write(
    `Released ${address}: the next who asks may get it. The device that had it goes on using it until it asks again.\n`,
  )
  return 0
}

/** Writes it, and leaves the rest to `apply`. */
async function reserve(who: string, options: ReserveOptions): Promise<number> {
  const { Refusal } = await import('../move/refusal.ts')
  const planned = await wanted(who, options)
  const file = routerFile(options.file)
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new Refusal(error.message, 'name the router.yaml with --file')
  })
  const { withReservation } = await import('./with-reservation.ts')
  const edited = withReservation(text, planned)
  const { judge } = await import('./judge.ts')
  const [before, after] = [judge(text), judge(edited)]
  if (!after.ok) {
    const { formatIssues } = await import('../config/format.ts')
    process.stderr.write(formatIssues(after.issues, edited, { color: process.stderr.isTTY }))
    throw new Refusal(
      before.ok ? `${file} would be wrong with it, and was left as it is` : `${file} has mistakes already`,
      before.ok ? 'choose another address with --address, or another name with --name' : 'sekisho check',
    )
  }
  const { replaceFile } = await import('./replace-file.ts')
  await replaceFile(file, edited)
  process.stdout.write(
    `Wrote ${file}: ${saysOf(planned)}.\nNow: sekisho apply. The device gets it when it asks next, as when it is plugged in again.\n`,
  )
  return 0
}

/** Writes and applies it. */
async function reserveNow(who: string, options: ReserveOptions): Promise<Changed & { says: string }> {
  const planned = await wanted(who, options)
  const { withReservation } = await import('./with-reservation.ts')
  const { changeHere } = await import('./change-command.ts')
  const changed = await changeHere((text) => withReservation(text, planned))
  return { ...changed, says: `${saysOf(planned)}, from when it asks next.` }
}

async function wanted(who: string, options: ReserveOptions): Promise<PlannedReservation> {
  const { planReservation } = await import('./plan-reservation.ts')
  const { knownLeases } = await import('./known-leases.ts')
  const { networks, leases } = await knownLeases()
  return planReservation(who, options, networks, leases)
}

function saysOf({ network, reservation: { name, mac, address }, before }: PlannedReservation): string {
  const instead = before === undefined || before.address === address ? '' : ` instead of ${before.address}`
  return `${name} (${mac}) has ${address} in ${network}${instead}`
}
