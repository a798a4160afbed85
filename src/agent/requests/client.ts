import { connect } from 'node:net'
import type { AgentRequest, Answer } from './request.ts'

/** An apply may wait for containers; the host has its own limits below this. */
const PATIENCE_MS = 20 * 60_000
const MAX_ANSWER_BYTES = 32 * 1024 * 1024

/** The host refused, or could not: what it said, with what to do about it. */
export class AgentProblem extends Error {
  readonly fix: string | undefined

  constructor(message: string, fix?: string) {
    super(message)
    this.fix = fix
  }
}

/**
 * Asks the host at its socket and resolves to the value that it answers (see request.ts); rejects with an AgentProblem
 * when it refuses, is away, or does not answer in `timeoutMs`.
 */
export function askAgent(
  socketPath: string,
  request: AgentRequest,
  timeoutMs: number = PATIENCE_MS,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const socket = connect(socketPath)
    const timer = setTimeout(() => fail(`it did not answer within ${timeoutMs / 1000} s`), timeoutMs)
    function fail(why: string): void {
      clearTimeout(timer)
      socket.destroy()
      reject(new AgentProblem(`the host cannot be asked: ${why}`, 'sekisho status'))
    }
    socket.on('error', (error) => fail(error.message))
    socket.on('connect', () => socket.write(`${JSON.stringify({ id: '1', ...request })}\n`))
    socket.on('data', (chunk) => {
      bytes += chunk.length
      if (bytes > MAX_ANSWER_BYTES) return fail('its answer is too long')
      chunks.push(chunk)
      if (chunk.at(-1) !== NEWLINE) return
      clearTimeout(timer)
      socket.destroy()
      try {
        // Our own host's: it is what request.ts says, or JSON.parse throws.
        const answer: Answer = JSON.parse(Buffer.concat(chunks).toString('utf8'))
        if (answer.ok) resolve(answer.value)
        else reject(new AgentProblem(answer.problem, answer.fix))
      } catch (error) {
        fail(String(error))
      }
    })
    socket.on('end', () => fail('it ended without an answer'))
  })
}

const NEWLINE = 0x0a
