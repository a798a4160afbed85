import { readFile } from 'node:fs/promises'
import { Command } from 'commander'
import type { KnownNetwork, ListedLease } from '../status/listed-leases.ts'
import { asRoot, routerFile } from './report.ts'

interface ReserveOptions {
  readonly address?: string
  readonly name?: string
  readonly file?: string
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
    .description('write the address of a device into router.yaml: it has that one and no other from then on')
    .argument('<who>', 'the address that it has, its MAC address, or its name')
    .option('--address <address>', 'another address than it has')
    .option('--name <name>', 'another name than it says')
    .option('-f, --file <file>', 'the router.yaml')
    .action(async (who: string, options: ReserveOptions) => {
      process.exitCode = await guarded(() => reserve(who, options))
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
  const { leases } = await known()
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
  const { socket } = await server()
  const { released } = await import('../status/listed-leases.ts')
  if (!released(await ask(socket, 'lease4-del', { 'ip-address': address })))
    throw new Refusal(`nobody has ${address} from our DHCP server`, 'sekisho leases lists who has which')
  process.stdout.write(
    `Released ${address}: the next who asks may get it. The device that had it goes on using it until it asks again.\n`,
  )
  return 0
}

async function reserve(who: string, options: ReserveOptions): Promise<number> {
  const { Refusal } = await import('../move/refusal.ts')
  const { planReservation } = await import('./plan-reservation.ts')
  const { networks, leases } = await known()
  const { network, reservation } = planReservation(who, options, networks, leases)
  const file = routerFile(options.file)
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new Refusal(error.message, 'name the router.yaml with --file')
  })
  const { addReservation } = await import('../config/add-reservation.ts')
  const edited = addReservation(text, network, reservation)
  if (edited === undefined)
    throw new Refusal(
      `${file} has no plain networks.${network}.dhcp to write it into`,
      `write it there by hand: { name: ${reservation.name}, mac: "${reservation.mac}", address: ${reservation.address} }`,
    )
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
  const { name, mac, address } = reservation
  process.stdout.write(
    `Wrote ${file}: ${name} (${mac}) has ${address} in ${network}.\nNow: sekisho apply. The device gets it when it asks next, as when it is plugged in again.\n`,
  )
  return 0
}

/** The leases there are, and the networks they are in. */
async function known(): Promise<{ networks: readonly KnownNetwork[]; leases: readonly ListedLease[] }> {
  const { socket, networks } = await server()
  const { listedLeases } = await import('../status/listed-leases.ts')
  const { Refusal } = await import('../move/refusal.ts')
  const reply = await ask(socket, 'lease4-get-all')
  try {
    return { networks, leases: listedLeases(reply, networks, Date.now()) }
  } catch (error) {
    throw new Refusal(
      `the DHCP server does not say: ${(error as Error).message}`,
      'sekisho status, then try again',
    )
  }
}

async function ask(socket: string, command: string, args?: Record<string, string>): Promise<string> {
  const { askKea } = await import('../agent/kea-client.ts')
  const { Refusal } = await import('../move/refusal.ts')
  return askKea(socket, command, args).catch((error: Error) => {
    throw new Refusal(
      `the DHCP server is away: ${error.message}`,
      'sekisho status says what is wrong with it',
    )
  })
}

/** Where the DHCP server of the generation in use listens, and its networks. */
async function server(): Promise<{ socket: string; networks: readonly KnownNetwork[] }> {
  const { parseAgentConfig } = await import('../agent/config.ts')
  const { PATHS } = await import('../router/paths.ts')
  const { Refusal } = await import('../move/refusal.ts')
  const text = await readFile(`${PATHS.current}/agent.json`, 'utf8').catch(() => undefined)
  if (text === undefined) throw new Refusal('nothing is applied on this machine', 'sekisho apply')
  const { leases, networks } = parseAgentConfig(text)
  if (leases === undefined)
    throw new Refusal('no module of this router hands out leases', 'add "kea: {}" to its modules, and apply')
  return { socket: leases.socket, networks }
}
