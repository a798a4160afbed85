import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { PATHS } from '../router/paths.ts'
import { Agent, type AgentPaths } from './agent.ts'
import { parseAgentConfig } from './config.ts'
import { DirectoryWatch } from './directory-watch.ts'
import { JobLoop, oneLine } from './job-loop.ts'

/*
 * sekishod. Everything it does can be done again from what is there, so it keeps going after any failure of the
 * outside world and ends on a bug of its own: systemd starts it afresh, and forwarding never noticed.
 */

const { values } = parseArgs({
  options: {
    config: { type: 'string', default: PATHS.current },
    run: { type: 'string', default: PATHS.run },
    state: { type: 'string', default: join(PATHS.data, 'agent') },
    networkd: { type: 'string', default: '/run/systemd/network' },
    links: { type: 'string', default: '/run/systemd/netif/links' },
    // Loads everything and ends: fills Node's compile cache, without which the resident process keeps the
    // TypeScript stripper in memory, 40 MB.
    warm: { type: 'boolean', default: false },
  },
})
const paths: AgentPaths = values
const startedAt = new Date().toISOString()

let agent: Agent | undefined
let running: string | undefined

/** Takes up agent.json when it is another than the one in use; a bad one leaves the old one in use. */
async function configure(): Promise<void> {
  await watch.ensure()
  const text = await readFile(join(values.config, 'agent.json'), 'utf8')
  if (text === running) return
  const config = parseAgentConfig(text)
  await agent?.stop()
  agent = new Agent(config, paths, startedAt, log)
  agent.start()
  log(running === undefined ? 'started' : 'configuration read anew')
  running = text
}

function log(line: string): void {
  process.stdout.write(`${line}\n`)
}

const loop = new JobLoop({
  run: configure,
  everyMs: 5000,
  settleMs: 200,
  onOutcome: (error) => {
    if (error !== undefined) log(`configuration: ${error}`)
  },
})
// The symlink "current" is flipped beside the generations.
const watch = new DirectoryWatch(join(values.config, '..'), () => loop.poke())

process.on('SIGHUP', () => loop.poke())
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    void Promise.all([loop.stop(), agent?.stop()]).finally(() => process.exit(0))
  })
}
process.on('uncaughtException', (error) => {
  log(`bug: ${oneLine(error)}\n${error.stack ?? ''}`)
  process.exit(70)
})
if (!values.warm) loop.start()
