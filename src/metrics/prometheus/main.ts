import { readFile } from 'node:fs/promises'
import { takeReadings } from '../readings.ts'
import { expose } from './expose.ts'
import { families } from './families.ts'
import { serve } from './serve.ts'
import { parsePrometheusSettings } from './settings.ts'

/*
 * The container's program: `main.ts SETTINGS.json` serves /metrics until it is told to stop. It has no capability, and
 * reads status files and /proc, never a packet or a name that a client chose.
 */

const [settingsPath] = process.argv.slice(2)
if (settingsPath === undefined) throw new Error('usage: main.ts SETTINGS.json')
const settings = parsePrometheusSettings(await readFile(settingsPath, 'utf8'))
const server = serve(settings.addresses, settings.port, async () =>
  expose(families(await takeReadings(settings), settings)),
)
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    server.stop()
    process.exit(0)
  })
}
