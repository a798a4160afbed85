import { beforeAll, expect, test, vi } from 'vitest'
import { type Lab, openLab } from '../../src/lab/lab.ts'
import { WAN } from '../../src/lab/topology.ts'
import { addressesOf } from './support/addresses.ts'
import { baseline } from './support/router-yaml.ts'

/* Who asked for what and talked to whom, as the watchers of a router at work saw it. */

let lab: Lab

beforeAll(async () => {
  lab = await openLab()
  await baseline(lab)
  // A prefix comes some seconds after the link that brings it.
  await vi.waitFor(() => lab.laptop.execOk(['curl', '-6sf', '-m', '2', 'http://www.example.org/']), {
    timeout: 30_000,
    interval: 500,
  })
})

async function ask<T = Record<string, unknown>>(...args: string[]): Promise<T[]> {
  const stdout = await lab.router.execOk(['sekisho', ...args, '--json'])
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as T)
}

interface Who {
  readonly device: string
  readonly first: string
  readonly last: string
  readonly asked: number
  readonly connections: number
  readonly down: number
  readonly up: number
}

test('who: a page just fetched is known by device, time and bytes, while its connection lingers', async () => {
  const { laptop } = lab
  const begun = Date.now()
  for (const version of ['-4', '-6']) await laptop.execOk(['curl', version, '-sf', 'http://www.example.org/'])
  const answers = await ask<Who>('who', 'www.example.org', '--since', new Date(begun).toISOString())
  // Earlier connections that are still known may have their first record now, others' too.
  const who = answers.find(({ device }) => device === 'laptop')
  expect(who?.asked).toBeGreaterThanOrEqual(2)
  expect(who?.connections).toBeGreaterThanOrEqual(2)
  // Packets' headers and the page: a few hundred bytes each way.
  expect(who?.down).toBeGreaterThan(400)
  expect(who?.up).toBeGreaterThan(400)
  expect(Date.parse(who?.last ?? '')).toBeGreaterThanOrEqual(begun)
  const people = await lab.router.execOk(['sekisho', 'who', 'www.example.org'])
  expect(people).toMatch(/^laptop +\d{4}-/m)
  expect(await lab.router.execOk(['sekisho', 'who', 'nobody.example.org'])).toContain('Nobody')
})

test('the records of both watchers have what was said, with the name that was meant by an address', async () => {
  const { laptop } = lab
  const since = new Date().toISOString()
  await laptop.execOk(['curl', '-4', '-sf', 'http://www.example.org/'])
  await laptop.exec(['dig', '+short', '+tcp', 'missing.example.org', 'TXT'])
  await ask('who', 'www.example.org')
  const dns = await ask('logs', 'dns', '--client', 'laptop', '--since', since)
  expect(dns).toEqual(
    expect.arrayContaining([
      expect.objectContaining({
        queryName: 'www.example.org',
        queryType: 'A',
        transport: 'udp',
        responseCode: 'NOERROR',
        status: 'answered',
        localResolver: true,
        interface: 'br-home',
      }),
      expect.objectContaining({
        queryName: 'missing.example.org',
        queryType: 'TXT',
        transport: 'tcp',
        responseCode: 'NXDOMAIN',
      }),
    ]),
  )
  const flows = await ask('logs', 'flows', '--client', 'laptop', '--since', since)
  expect(flows.filter(({ destinationTransportPort }) => destinationTransportPort === 80)).toEqual([
    expect.objectContaining({
      destinationName: 'www.example.org',
      destinationNameStatus: 'asked',
      sourceZone: 'home',
      destinationZone: 'wan',
      protocolIdentifier: 6,
      postNatSourceAddress: expect.stringMatching(/^198\.51\.100\./),
    }),
  ])
})

test('a connection from an address that the device took a moment ago has the name that it asked for from another', async () => {
  const { laptop } = lab
  const { gua } = await addressesOf(laptop)
  const prefix = gua.split(':').slice(0, 4).join(':')
  const fresh = `${prefix}::${(4096 + Math.floor(Math.random() * 60_000)).toString(16)}`
  await laptop.execOk(['ip', 'address', 'add', `${fresh}/64`, 'dev', 'eth0', 'nodad', 'preferred_lft', '0'])
  try {
    const since = new Date().toISOString()
    await laptop.execOk(['curl', '-6', '-sf', '--interface', fresh, 'http://www.example.org/'])
    await ask('who', 'www.example.org')
    const flows = await ask('logs', 'flows', '--address', fresh, '--since', since)
    expect(flows.filter(({ destinationTransportPort }) => destinationTransportPort === 80)).toEqual([
      expect.objectContaining({ destinationName: 'www.example.org', destinationNameStatus: 'asked' }),
    ])
  } finally {
    await laptop.execOk(['ip', 'address', 'del', `${fresh}/64`, 'dev', 'eth0'])
  }
})

test('a question to another resolver is on record as such, and is an event', async () => {
  const { phone } = lab
  const since = new Date().toISOString()
  await phone.execOk(['dig', '+short', `@${WAN.resolver4}`, 'www.example.org'])
  await expect
    .poll(() => ask('logs', 'events', '--name', 'dns.bypass', '--since', since), {
      timeout: 20_000,
      interval: 500,
    })
    .toMatchObject([{ tag: 'dns.bypass', record: expect.objectContaining({ serverAddress: WAN.resolver4 }) }])
  const records = await ask('logs', 'dns', '--client', 'phone', '--address', WAN.resolver4, '--since', since)
  expect(records).toMatchObject([{ queryName: 'www.example.org', localResolver: false, status: 'answered' }])
})

test('top, device and status tell it for people', async () => {
  await lab.laptop.execOk(['curl', '-4', '-sf', 'http://www.example.org/'])
  expect(await lab.router.execOk(['sekisho', 'top'])).toMatch(/^laptop +home +/m)
  expect(await lab.router.execOk(['sekisho', 'top', '--by', 'name'])).toMatch(/^www\.example\.org +/m)
  const device = await lab.router.execOk(['sekisho', 'device', 'laptop'])
  expect(device).toMatch(/^ +www\.example\.org +\d+ .*tcp 80\b/m)
  expect(await lab.router.execOk(['sekisho', 'status'])).toMatch(/watch flows +up +[1-9]/)
})

test('what reads packets has no capability, what lists connections has one', async () => {
  const find = 'for p in $(pgrep -f "src/watch/$0"); do grep -h Cap[EB] /proc/$p/status; done'
  const of = async (program: string): Promise<string[]> => {
    const text = await lab.router.execOk(['sh', '-c', find, program])
    return [...new Set(text.trim().split('\n'))]
  }
  expect(await of('dns/main.ts')).toEqual(['CapEff:\t0000000000000000', 'CapBnd:\t0000000000000000'])
  // CAP_NET_ADMIN is 12.
  expect(await of('flows/main.ts')).toEqual(['CapEff:\t0000000000001000', 'CapBnd:\t0000000000001000'])
})

test('while the flow watcher is stopped in its tracks connections go on, and it is replaced', async () => {
  const watcher = async (): Promise<string> =>
    (await lab.router.execOk(['pgrep', '-f', 'src/watch/flows/main.ts'])).trim()
  const before = await watcher()
  const since = new Date().toISOString()
  await lab.router.execOk(['kill', '-STOP', before])
  for (let i = 0; i < 20; i++) await lab.laptop.execOk(['curl', '-4', '-sf', 'http://www.example.org/'])
  await expect.poll(() => watcher().catch(() => before), { timeout: 30_000, interval: 500 }).not.toBe(before)
  await lab.laptop.execOk(['curl', '-4', '-sf', 'http://www.example.org/'])
  // What came to pass meanwhile was found in a list.
  await expect
    .poll(() => ask<Who>('who', 'www.example.org', '--since', since), { timeout: 30_000, interval: 1000 })
    .toMatchObject([{ device: 'laptop', connections: 21 }])
})
