import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { freeTcpPort } from '../../../tests/free-port.ts'
import { makeAuthority } from '../../agent/authority.ts'
import { CertificateJob } from '../../agent/certificate-job.ts'
import { run } from '../../lib/run.ts'
import type { DashboardSettings } from '../settings.ts'

const WAIT = 60_000
const HEALTH = join(import.meta.dirname, 'health.ts')

let folder: string
let settings: DashboardSettings
let child: ChildProcess | undefined
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sekisho-dashboard-'))
  for (const name of ['state', 'tls', 'data', 'run', 'pages']) mkdirSync(join(folder, name))
  writeFileSync(join(folder, 'pages/index.html'), '<!doctype html>')
  const [port, httpPort] = [await freeTcpPort(), await freeTcpPort()]
  settings = {
    hostname: 'gate',
    timezone: 'Asia/Tokyo',
    names: ['gate.home.arpa', 'gate'],
    addresses: ['10.0.0.1'],
    networks: [],
    dataDirectory: join(folder, 'data'),
    site: 'gate',
    runDirectory: join(folder, 'run'),
    agentSocket: join(folder, 'none.sock'),
    tlsDirectory: join(folder, 'tls'),
    stateDirectory: join(folder, 'state'),
    port,
    httpPort,
    listen: { port, httpPort },
  }
  writeFileSync(join(folder, 'dashboard.json'), JSON.stringify(settings))
})
afterEach(() => {
  child?.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})

const isHealthy = () =>
  run([process.execPath, HEALTH, join(folder, 'dashboard.json')]).then(({ code }) => code === 0)

it('waits for its certificate, is healthy with it, answers, and ends when it is told', {
  timeout: WAIT,
}, async () => {
  const main = join(import.meta.dirname, 'main.ts')
  child = spawn(process.execPath, [main, join(folder, 'dashboard.json'), join(folder, 'pages')], {
    stdio: 'pipe',
  })
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString('utf8')
  })
  const ended = new Promise((resolve) => child?.once('exit', (code) => resolve(code)))
  await until(() => said.includes('waiting for a certificate'))
  expect(await isHealthy()).toBe(false)
  const names = ['gate.home.arpa', 'localhost']
  await new CertificateJob({ directory: folder, names, addresses: ['127.0.0.1'] }, () => undefined).run()
  await until(() => isHealthy())
  expect(await statusOf('/api/session')).toBe(200)
  expect(await statusOf('/api/now')).toBe(401)
  // Whoever took the place of the authority is not healthy.
  const other = await makeAuthority('gate', { names, addresses: [] }, Date.now())
  writeFileSync(join(folder, 'tls/ca.pem'), other.cert)
  expect(await isHealthy()).toBe(false)
  child.kill('SIGTERM')
  expect(await ended).toBe(0)
})

function statusOf(path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: settings.port, path, rejectUnauthorized: false }
    request(options, (response) => resolve(response.resume().statusCode))
      .on('error', reject)
      .end()
  })
}

async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + WAIT / 2
  while (!(await done())) {
    if (performance.now() > end) throw new Error('it did not come to that')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
