import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { parseSettings } from './settings.ts'
import type { RecorderStatus } from './status.ts'

/*
 * The container's health check: `health.ts SETTINGS.json` exits 0 when the recorder's status is fresh, every source
 * is up and the syslog port takes a connection. A full disk is not a reason to call it ill: it goes on by itself.
 */

const FRESH_MS = 20_000

async function main(settingsPath: string): Promise<string[]> {
  const settings = parseSettings(await readFile(settingsPath, 'utf8'))
  const status = JSON.parse(await readFile(settings.status, 'utf8')) as RecorderStatus
  const problems = Object.entries(status.sources)
    .filter(([, source]) => source.state !== 'up')
    .map(([name, source]) => `${name}: ${source.state}`)
  const age = Date.now() - Date.parse(status.time)
  if (!(Math.abs(age) < FRESH_MS)) problems.push(`the status is ${Math.round(age / 1000)} s old`)
  if (!(await answers(settings.syslog.address, settings.syslog.port))) problems.push('syslog does not answer')
  return problems
}

function answers(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, timeout: 2000 })
    const done = (ok: boolean): void => {
      socket.destroy()
      resolve(ok)
    }
    socket.once('connect', () => done(true))
    socket.once('error', () => done(false))
    socket.once('timeout', () => done(false))
  })
}

const [settingsPath] = process.argv.slice(2)
if (settingsPath === undefined) throw new Error('usage: health.ts SETTINGS.json')
const problems = await main(settingsPath)
if (problems.length > 0) process.stderr.write(`${problems.join('\n')}\n`)
process.exitCode = problems.length > 0 ? 1 : 0
