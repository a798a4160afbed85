import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseWatchSettings } from './settings.ts'

/*
 * The container's health check: `health.ts SETTINGS.json` exits 0 when both watchers are up and say so. A recorder that is
 * away, or a network without a device, is no reason to call it ill: it goes on by itself.
 */

const FRESH_MS = 20_000

const [settingsPath] = process.argv.slice(2)
if (settingsPath === undefined) throw new Error('usage: health.ts SETTINGS.json')
const { statusDirectory } = parseWatchSettings(await readFile(settingsPath, 'utf8'))
const problems = [await judge('watch'), await judge('dns')].flat()
if (problems.length > 0) process.stderr.write(`${problems.join('\n')}\n`)
process.exitCode = problems.length > 0 ? 1 : 0

async function judge(name: string): Promise<string[]> {
  const text = await readFile(join(statusDirectory, `${name}.json`), 'utf8').catch(() => undefined)
  if (text === undefined) return [`${name}: there is no status`]
  const {
    time,
    state,
    children = {},
  } = JSON.parse(text) as {
    readonly time: string
    readonly state: string
    readonly children?: Readonly<Record<string, { readonly state: string }>>
  }
  const age = Date.now() - Date.parse(time)
  return [
    ...(Math.abs(age) < FRESH_MS ? [] : [`${name}: the status is ${Math.round(age / 1000)} s old`]),
    ...Object.entries({ [name]: { state }, ...children })
      .filter(([, part]) => part.state !== 'up')
      .map(([part, { state }]) => `${part}: ${state}`),
  ]
}
