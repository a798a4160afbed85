import { readFile } from 'node:fs/promises'
import { request } from 'node:https'
import { join } from 'node:path'
import { parseDashboardSettings } from '../settings.ts'

/*
 * The container's health check: `health.ts SETTINGS.json` exits 0 when the server answers over TLS with a certificate that
 * stands on the router's own authority and has the router's name.
 */

const TIMEOUT_MS = 8000

const [settingsPath] = process.argv.slice(2)
if (settingsPath === undefined) throw new Error('usage: health.ts SETTINGS.json')
const { listen, tlsDirectory } = parseDashboardSettings(await readFile(settingsPath, 'utf8'))
const ca = await readFile(join(tlsDirectory, 'ca.pem'), 'utf8')
const options = { host: '127.0.0.1', port: listen.port, path: '/api/session', ca, timeout: TIMEOUT_MS }
const asked = request(options, (response) => {
  response.resume()
  process.exit(response.statusCode === 200 ? 0 : 1)
})
asked.on('timeout', () => asked.destroy(new Error('no answer')))
asked.on('error', (error) => {
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
})
asked.end()
