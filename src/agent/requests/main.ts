import { Answers } from './answers.ts'
import { RequestServer } from './server.ts'

/*
 * sekisho-requests: started by systemd when somebody connects to its socket (sd_listen_fds(3)), and gone again when
 * nobody asks any more. Not a part of sekishod: that one may do next to nothing, and an apply that begins here restarts it.
 */

const FIRST_FD = 3
const IDLE_MS = 120_000

function log(line: string): void {
  process.stdout.write(`${line}\n`)
}

if (process.env.LISTEN_FDS !== '1' || process.env.LISTEN_PID !== String(process.pid)) {
  process.stderr.write('sekisho-requests is started by systemd, with its socket\n')
  process.exit(64)
}

// Not for what we start.
delete process.env.LISTEN_FDS
delete process.env.LISTEN_PID

const answers = new Answers()
let idle: NodeJS.Timeout | undefined
function waitForNobody(): void {
  clearTimeout(idle)
  idle = setTimeout(() => {
    if (server.clients > 0 || answers.working) waitForNobody()
    else process.exit(0)
  }, IDLE_MS)
}
const server = await RequestServer.start({
  listen: { fd: FIRST_FD },
  answer: (request) => {
    waitForNobody()
    return answers.answer(request)
  },
  log,
  onIdle: waitForNobody,
})
waitForNobody()
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0))
