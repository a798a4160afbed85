import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Lab, openLab } from '../../src/lab/lab.ts'
import { SERVERS, WAN } from '../../src/lab/topology.ts'
import { runOk } from '../../src/lib/run.ts'
import { dashboardMetrics } from '../dashboard-metrics.ts'
import type { MackerelState } from '../mackerel-server.ts'
import { parseScrape } from '../parse-scrape.ts'
import { count } from './support/counts.ts'
import { editedYaml } from './support/edit-yaml.ts'
import { applyYaml, baseline } from './support/router-yaml.ts'

/*
 * The router's metrics, as Mackerel on the Internet and Prometheus at home get them.
 */

const KEY = '2R8VBzLabKeyLabKeyLabKeyLabKey'
const PORT = 8443
/** Minutes, as Mackerel has them, take minutes. */
const INTERVAL_SECS = count(5, 60)
const CONTAINERS = ['sekisho-mackerel-1', 'sekisho-prometheus-1']
const SPOOL = '/var/lib/sekisho/mackerel/posts/spool'
const WAIT = { timeout: 6 * INTERVAL_SECS * 1000, interval: 300 }
const TIMEOUT_MS = 3 * WAIT.timeout

let lab: Lab
let folder: string
let server: ChildProcess | undefined

beforeAll(async () => {
  lab = await openLab()
  folder = await mkdtemp(join(tmpdir(), 'sekisho-metrics-'))
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const name = ['-subj', '/CN=mackerel', '-addext', `subjectAltName=IP:${SERVERS.www.v4}`]
  const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')]
  await runOk(['openssl', 'req', '-x509', ...key, ...name, ...files])
  await startServer()
  await lab.router.writeFile('/root/secrets/mackerel', `${KEY}\n`, '0400')
  await lab.router.writeFile('/root/secrets/mackerel-ca', await readFile(join(folder, 'cert.pem')))
  // A lab that was kept has who the host was in the run before.
  if ((await lab.router.exec(['docker', 'inspect', 'sekisho-mackerel-1'])).code === 0) await baseline(lab)
  await lab.router.execOk(['rm', '-rf', '/var/lib/sekisho/mackerel'])
  const yaml = await editedYaml(lab, (document) => {
    document.setIn(['modules', 'prometheus'], { networks: ['home'] })
    document.setIn(['modules', 'mackerel'], {
      api_key_file: '/root/secrets/mackerel',
      roles: ['home:router'],
      monitors: true,
      api_url: `https://${SERVERS.www.v4}:${PORT}`,
      ca_file: '/root/secrets/mackerel-ca',
      interval_secs: INTERVAL_SECS,
    })
  })
  await applyYaml(lab, yaml)
})

afterAll(async () => {
  await stopServer()
  await rm(folder, { recursive: true, force: true })
})

/** The server runs with the Internet's addresses and this machine's files. */
async function startServer(): Promise<void> {
  const { root, hosts } = lab.state
  const program = join(import.meta.dirname, '../mackerel-server.ts')
  const files = ['state.json', 'key.pem', 'cert.pem'].map((name) => join(folder, name))
  const argv = [process.execPath, program, SERVERS.www.v4, String(PORT), ...files]
  server = spawn('nsenter', [`--net=/proc/${root.pid}/root/proc/${hosts.isp}/ns/net`, ...argv], {
    env: { ...process.env, MACKEREL_API_KEY: KEY },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (server.stdout) await once(server.stdout, 'data')
}

async function stopServer(): Promise<void> {
  const running = server
  server = undefined
  if (!running || running.exitCode !== null) return
  const ended = once(running, 'exit')
  running.kill()
  await ended
}

async function told(): Promise<MackerelState> {
  return JSON.parse(await readFile(join(folder, 'state.json'), 'utf8')) as MackerelState
}

/** The times at which a metric came, in order. */
async function times(name: string): Promise<number[]> {
  const { values, hosts } = await told().catch(() => ({ values: {}, hosts: {} }) as Partial<MackerelState>)
  const [id = ''] = Object.keys(hosts ?? {})
  return Object.keys(values?.[id]?.[name] ?? {})
    .map(Number)
    .toSorted((a, b) => a - b)
}

test(
  'Mackerel gets valid metrics of the host and of its services at each interval',
  async () => {
    const names = [
      'loadavg5',
      'cpu.user.percentage',
      'memory.used',
      'interface.wan0.rxBytes.delta',
      'interface.br-home.txBytes.delta',
      'filesystem.overlay.used',
      'custom.sekisho.wan.rx',
      'custom.sekisho.wan_latency.resolver',
      'custom.sekisho.wan_up.ipv4',
      'custom.sekisho.connections.tracked',
      'custom.sekisho.dns.queries',
      'custom.sekisho.leases.home',
      'custom.sekisho.recorder.stored',
      'custom.sekisho.archive.log',
      'custom.sekisho.watch.dns_dropped',
    ]
    await expect.poll(async () => (await times('loadavg5')).length, WAIT).toBeGreaterThanOrEqual(3)
    const { hosts, values, monitors, graphDefs, refused } = await told()
    const [id = '', ...others] = Object.keys(hosts)
    expect(others).toEqual([])
    expect(hosts[id]).toMatchObject({ name: 'gate', roleFullnames: ['home:router'] })
    expect(Object.keys(values[id] ?? {})).toEqual(expect.arrayContaining(names))
    expect(Object.keys(values[id] ?? {}).length).toBeLessThan(200)
    // Both clients of home have one.
    const leases = Object.values(values[id]?.['custom.sekisho.leases.home'] ?? {})
    expect(leases.at(-1)?.value).toBeGreaterThanOrEqual(2)
    expect(monitors).toHaveLength(4)
    expect(Object.keys(graphDefs).length).toBeGreaterThan(10)
    // That it was not there before.
    expect(refused).toEqual([expect.stringContaining('hosts-by-custom-identifier')])
  },
  TIMEOUT_MS,
)

test(
  'after an outage it catches up: every interval is there, each once',
  async () => {
    const before = await times('loadavg5')
    await stopServer()
    const waiting = async () =>
      (await lab.router.execOk(['ls', SPOOL])).split('\n').filter((name) => name !== '')
    await expect.poll(async () => (await waiting()).length, WAIT).toBeGreaterThanOrEqual(2)
    const waited = (await waiting()).map((name) => Number.parseInt(name, 10))
    await startServer()
    await expect.poll(() => times('loadavg5'), WAIT).toEqual(expect.arrayContaining([...before, ...waited]))
    await expect.poll(waiting, WAIT).toEqual([])

    const { values, refused } = await told()
    const [host = {}] = Object.values(values)
    expect(
      Math.max(...Object.values(host).flatMap((one) => Object.values(one).map(({ times }) => times))),
    ).toBe(1)
    const gaps = (await times('loadavg5')).map((time, i, all) => time - (all[i - 1] ?? time))
    expect(Math.max(...gaps)).toBeLessThan(2 * INTERVAL_SECS)
    expect(refused).toHaveLength(1)
  },
  TIMEOUT_MS,
)

test('Prometheus at home gets every metric of the example dashboard; guests and the Internet get nothing', async () => {
  await lab.laptop.execOk(['dig', '+short', '@10.0.0.1', 'www.example.org'])
  await lab.router.execOk(['sekisho', 'archive', 'now'])
  const dashboard = await readFile(join(lab.places.checkout, 'examples/grafana-dashboard.json'), 'utf8')
  const asked = dashboardMetrics(dashboard)
  const scrape = async () =>
    parseScrape(await lab.laptop.execOk(['curl', '-sSf', '--max-time', '5', 'http://10.0.0.1:9469/metrics']))
  const missing = async () => {
    const names = new Set((await scrape()).map(({ name }) => name))
    return asked.filter((name) => !names.has(name))
  }
  await expect.poll(missing, { timeout: 20_000, interval: 2000 }).toEqual([])
  const samples = await scrape()
  const value = (name: string, labels: object) =>
    samples.find(
      (one) => one.name === name && Object.entries(labels).every(([key, v]) => one.labels[key] === v),
    )?.value
  expect(value('sekisho_wan_up', { version: '4' })).toBe(1)
  // No client's name, and no address.
  expect(JSON.stringify(samples)).not.toMatch(/laptop|phone|guest1|10\.0\.|example\.org/)
  expect(value('kea_dhcp4_assigned_addresses', { network: 'home' })).toBeGreaterThanOrEqual(2)
  expect(value('unbound_queries_total', {})).toBeGreaterThan(0)
  for (const { name, value, labels } of samples)
    if (name === 'sekisho_service_up') expect([labels.service, value]).toEqual([labels.service, 1])

  const curl = (address: string) => ['curl', '-sS', '--max-time', '2', `http://${address}:9469/metrics`]
  for (const [host, address] of [
    [lab.guest1, '10.0.1.1'],
    [lab.guest1, '10.0.0.1'],
    [lab.attacker, WAN.router4],
  ] as const) {
    const { code, stdout } = await host.exec(curl(address))
    // Refused, or no answer.
    expect([7, 28], `${host.name} ${address}`).toContain(code)
    expect(stdout).toBe('')
  }
})

test('neither has a capability, and the key is nowhere but in its file', async () => {
  for (const container of CONTAINERS) {
    const inspected = await lab.router.execOk(['docker', 'inspect', container])
    expect(inspected).not.toContain(KEY)
    expect(await lab.router.execOk(['sh', '-c', `docker logs ${container} 2>&1`])).not.toContain(KEY)
    const pid = (await lab.router.execOk(['docker', 'inspect', '-f', '{{.State.Pid}}', container])).trim()
    const capabilities = await lab.router.execOk(['grep', '-E', '^Cap', `/proc/${pid}/status`])
    expect(capabilities.match(/:\t0+$/gm)).toHaveLength(5)
    const health = ['docker', 'inspect', '-f', '{{.State.Health.Status}}', container]
    await expect.poll(() => lab.router.execOk(health), WAIT).toBe('healthy\n')
  }
  expect(await lab.router.execOk(['cat', '/run/sekisho/mackerel/status.json'])).not.toContain(KEY)
  const { code } = await lab.router.exec([
    'grep',
    '-rqs',
    KEY,
    '/etc/sekisho',
    '/run/sekisho',
    '/var/lib/sekisho',
  ])
  expect(code).toBe(1)
})
