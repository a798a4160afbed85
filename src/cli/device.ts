import { Command } from 'commander'
import { openAsking } from './open-asking.ts'
import {
  addSpanOptions,
  answering,
  limitOption,
  type SpanOptions,
  spanOf,
  terminal,
  writeOut,
} from './query-options.ts'

interface Options extends SpanOptions {
  readonly data?: string
  readonly json?: boolean
  readonly limit?: string
}

/** `sekisho device`: one device on one screen. Exit 1 when no device was ever called that. */
export function deviceCommand(): Command {
  const command = new Command('device')
    .description('one device: who it is, what it asked, where it went, how much')
    .argument('<who>', 'its name, MAC address or address')
  return addSpanOptions(command, '; 24h without it')
    .option('--limit <n>', 'so many names', '10')
    .option('--json', 'for programs: one JSON object, times in UTC')
    .option('--data <dir>', "a recorder's data directory, in place of this router's")
    .action((who: string, options: Options) =>
      answering(async (signal) => {
        const limit = limitOption(options.limit ?? '')
        const asked = spanOf({ since: '24h', ...options })
        const span = { fromMs: 0, toMs: Date.now(), ...asked }
        const session = await openAsking(options.data, span, signal)
        try {
          const { findClient } = await import('../recorder/query/find-client.ts')
          const { deviceReport } = await import('../recorder/ask/device.ts')
          const report = await deviceReport(session, await findClient(session, who), span, limit)
          if (options.json) {
            const { jsonLine } = await import('../recorder/query/write-rows.ts')
            const known = report.known.map((mac) => ({
              ...mac,
              firstSeen: new Date(mac.firstSeen).toISOString(),
              lastSeen: new Date(mac.lastSeen).toISOString(),
            }))
            await writeOut(`${jsonLine({ ...report, known })}\n`)
            return
          }
          const { deviceScreen } = await import('../recorder/ask/device-screen.ts')
          await writeOut(deviceScreen(terminal(), who, report, asked))
        } finally {
          session.close()
        }
      }),
    )
}
