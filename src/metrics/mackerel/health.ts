import { readFile } from 'node:fs/promises'
import { parseMackerelSettings } from './settings.ts'

/*
 * The container's health check: `health.ts SETTINGS.json` exits 0 when the status is fresh. Mackerel that is away, or does
 * not like our key, is no reason to call it ill: it goes on by itself, and the status says why it waits.
 */

const FRESH_MS = 20_000

const [settingsPath] = process.argv.slice(2)
if (settingsPath === undefined) throw new Error('usage: health.ts SETTINGS.json')
const { status } = parseMackerelSettings(await readFile(settingsPath, 'utf8'))
const { time } = JSON.parse(await readFile(status, 'utf8')) as { readonly time: string }
process.exitCode = Math.abs(Date.now() - Date.parse(time)) < FRESH_MS ? 0 : 1
