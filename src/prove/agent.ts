import { createInterface } from 'node:readline'
import { Builder } from './build-twin.ts'
import { probe } from './run-probe.ts'
import type { Request } from './twin.ts'

/*
 * The process that holds a twin: in a network of its own from its beginning, so that whatever it does wrong, it does
 * to nothing. It does what the lines on its standard input say, and ends with that input, however its parent ended.
 */

const builder = new Builder()

async function handle(request: Request): Promise<unknown> {
  if (request.op === 'build') return builder.build(request.spec)
  return probe(builder.twin, request.probe, request.waitMs)
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const request: Request = JSON.parse(line)
    void Promise.resolve()
      .then(() => handle(request))
      .then(
        (value) => ({ value }),
        (error: unknown) => ({ error: error instanceof Error ? error.message : String(error) }),
      )
      .then((answer) => process.stdout.write(`${JSON.stringify(answer)}\n`))
  })
  .on('close', () => process.exit(0))
