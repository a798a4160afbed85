import { readFile } from 'node:fs/promises'
import { parsePrometheusSettings } from './settings.ts'

/* The container's health check: `health.ts SETTINGS.json` exits 0 when the first address serves a page with a metric. */

const TIMEOUT_MS = 8000

const [settingsPath] = process.argv.slice(2)
if (settingsPath === undefined) throw new Error('usage: health.ts SETTINGS.json')
const { addresses, port } = parsePrometheusSettings(await readFile(settingsPath, 'utf8'))
const signal = AbortSignal.timeout(TIMEOUT_MS)
const page = await fetch(`http://${addresses[0]}:${port}/metrics`, { signal })
process.exitCode = page.ok && (await page.text()).includes('node_boot_time_seconds') ? 0 : 1
