import { Command } from 'commander'
import { findPlace } from '../recorder/query/place.ts'
import { QueryProblem } from '../recorder/query/problem.ts'
import { openAsking, ownAddresses } from './open-asking.ts'
import { answering, terminal, writeOut } from './query-options.ts'

interface Options {
  readonly data?: string
  readonly client?: string
  readonly kind?: string
}

/** `sekisho watch`: each DNS transaction and each connection as it is recorded, until Ctrl-C. */
export function watchCommand(): Command {
  return new Command('watch')
    .description('live: every DNS question and every connection, as it is recorded')
    .option('--client <who>', "only a device's: its name, MAC address or address")
    .option('--kind <kind>', 'only dns, or only flows')
    .option('--data <dir>', "a recorder's data directory, in place of this router's")
    .action((options: Options) =>
      answering(async (signal) => {
        const { watch, WATCHED } = await import('../recorder/ask/watch.ts')
        const kinds = WATCHED.filter((kind) => options.kind === undefined || options.kind === kind)
        if (kinds.length === 0)
          throw new QueryProblem(`--kind ${options.kind} is none of ${WATCHED.join(', ')}. Fix: choose one`)
        const { data } = findPlace(options.data)
        // Of the past nothing is asked but who has which address.
        const now = Date.now()
        const session = await openAsking(options.data, { fromMs: now }, signal)
        try {
          const { findClient } = await import('../recorder/query/find-client.ts')
          const client = options.client === undefined ? undefined : await findClient(session, options.client)
          const own = new Set(ownAddresses(options.data))
          await watch(session, {
            data,
            kinds,
            screen: terminal(),
            write: writeOut,
            signal,
            own,
            ...(client && { client }),
          })
        } finally {
          // Ctrl-C is how it ends.
          if (signal.reason === 'SIGINT') process.exitCode = 0
          session.close()
        }
      }),
    )
}
