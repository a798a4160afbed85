import { Argument, Command } from 'commander'
import { down } from '../lab/down.ts'
import { execHere } from '../lab/exec-here.ts'
import { openLab } from '../lab/lab.ts'
import { PICTURE } from '../lab/picture.ts'
import { labPlaces } from '../lab/places.ts'
import { labStatus } from '../lab/status.ts'
import { HOSTS, type HostName } from '../lab/topology.ts'
import { traffic } from '../lab/traffic/traffic.ts'
import { up } from '../lab/up.ts'
import { dashboardUrl } from '../lab/window.ts'

/** `sekisho lab up|vm|down|status|traffic|exec`: a whole router, its provider and its clients, in namespaces of this machine. */
export function labCommand(): Command {
  const lab = new Command('lab')
    .description('a whole router at work on this machine, with provider and clients')
    // Without it commander would read the options of the command that `exec` runs.
    .enablePositionalOptions()
  lab
    .command('up')
    .description('build what is missing, start the lab and check that it works')
    .option('--bare', 'leave the router machine as Debian installs it')
    .action(({ bare }: { bare?: boolean }) => guarded(() => upHere({ bare: bare === true, vm: false })))
  lab
    .command('vm')
    .description(
      "as up, with the router in a virtual machine with Debian's kernel (emulated: slow); it takes the place of a lab that is up, and down, status and exec are its too",
    )
    .option('--bare', 'leave the router machine as Debian installs it')
    .action(({ bare }: { bare?: boolean }) => guarded(() => upHere({ bare: bare === true, vm: true })))
  lab
    .command('down')
    .description('end the lab and remove everything it made')
    .action(() =>
      guarded(async () => {
        const places = labPlaces()
        const was = await down(places)
        console.log(was ? `lab ${places.id} is gone` : `lab ${places.id} is not up`)
        return 0
      }),
    )
  lab
    .command('status')
    .description('hosts, addresses and services of the lab')
    .option('--json', 'as JSON')
    .action(({ json }: { json?: boolean }) => guarded(() => statusHere(json === true)))
  lab
    .command('traffic')
    .description('let a household live in the lab: laptop, phone, guest, TV, camera, sensor; Ctrl-C ends it')
    .option('--minutes <n>', 'end it by itself after so many')
    .option('--once', 'each device does one thing')
    .option('--seed <n>', 'another household', '1')
    .action((options: TrafficFlags) => guarded(() => trafficHere(options)))
  lab
    .command('exec')
    .description('run a command in a host of the lab, as root')
    .addArgument(new Argument('<host>').choices([...HOSTS]))
    .argument('<command...>')
    .passThroughOptions()
    .allowUnknownOption()
    .action((host: HostName, command: string[]) =>
      guarded(async () => execHere(await openLab(), host, command)),
    )
  return lab
}

async function upHere({ bare, vm }: { bare: boolean; vm: boolean }): Promise<number> {
  const start = performance.now()
  const onProgress = (line: string) => {
    const secs = ((performance.now() - start) / 1000).toFixed(1)
    console.log(`[${secs.padStart(6)} s] ${line}`)
  }
  let url: string | undefined
  try {
    const started = await up({ onProgress, bare, vm })
    if (!bare) url = await dashboardUrl(started)
  } catch (error) {
    onProgress('failed')
    console.error(`sekisho: ${error instanceof Error ? error.message : String(error)}`)
    console.error(
      'sekisho: what is up of the lab stays for a look (sekisho lab exec); sekisho lab down removes it',
    )
    return 1
  }
  if (!bare) console.log(PICTURE)
  if (url !== undefined)
    console.log(
      ` Its dashboard, in a browser of this machine (the link signs in once, soon; up makes another):\n   ${url}\n`,
    )
  return 0
}

interface TrafficFlags {
  readonly minutes?: string
  readonly once?: boolean
  readonly seed: string
}

async function trafficHere({ minutes, once, seed }: TrafficFlags): Promise<number> {
  for (const [name, value] of Object.entries({ minutes, seed }))
    if (value !== undefined && !/^[1-9]\d{0,5}$/.test(value))
      throw new Error(`--${name} takes a number from 1`)
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort())
  const timer = setTimeout(() => stop.abort(), Number(minutes ?? 0) * 60_000)
  if (minutes === undefined) clearTimeout(timer)
  const say = (line: string) => console.log(`${new Date().toTimeString().slice(0, 8)} ${line}`)
  await traffic(await openLab(), { once: once === true, signal: stop.signal, say, seed: Number(seed) })
  clearTimeout(timer)
  return 0
}

async function statusHere(json: boolean): Promise<number> {
  const status = await labStatus(await openLab())
  if (json) {
    console.log(JSON.stringify(status, null, 2))
    return 0
  }
  console.log(`lab ${status.id} of ${status.checkout}, release ${status.release ?? 'none'}`)
  for (const { name, state, addresses } of status.hosts) {
    console.log(`  ${name.padEnd(9)} ${state.padEnd(9)} ${addresses.join(', ')}`)
  }
  for (const line of status.failed) console.log(`  failed: ${line}`)
  return status.failed.length === 0 ? 0 : 1
}

/** Sets the exit code; an expected failure is one line and not a stack. */
async function guarded(work: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await work()
  } catch (error) {
    console.error(`sekisho: ${error instanceof Error ? error.message : String(error)}`)
    process.exitCode = 1
  }
}
