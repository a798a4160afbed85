import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { ActionResult, AgentRequest, OpenConnection } from '../../src/agent/requests/request.ts'
import type { Host } from '../../src/lab/host.ts'
import { type Lab, openLab } from '../../src/lab/lab.ts'
import { SERVERS } from '../../src/lab/topology.ts'
import { type Addresses, addressesOf } from './support/addresses.ts'
import { editedYaml } from './support/edit-yaml.ts'
import { applyYaml, baseline, baselineYaml } from './support/router-yaml.ts'

/* What the dashboard asks of the host, over its socket: questions, and changes that become generations. */

const FILE = '/etc/sekisho/router.yaml'
const SOCKET = '/run/sekisho/requests/agent.sock'
const CLIENT = `
const { askAgent } = await import('/opt/sekisho/current/src/agent/requests/client.ts')
try { console.log(JSON.stringify({ value: await askAgent('${SOCKET}', JSON.parse(process.argv[1])) })) }
catch (error) { console.log(JSON.stringify({ problem: error.message, fix: error.fix })) }
`

let lab: Lab
let laptop: Addresses
let phone: Addresses
/** The router.yaml that nobody has changed yet. */
let before: string

beforeAll(async () => {
  lab = await openLab()
  await baseline(lab)
  before = await baselineYaml(lab)
  laptop = await addressesOf(lab.laptop)
  phone = await addressesOf(lab.phone)
})
afterAll(async () => {
  await baseline(lab)
  // What was reserved for it is nobody's again.
  await lab.renew('phone')
  await vi.waitFor(async () => expect(await phoneHas()).not.toBe('10.0.0.61'), { timeout: 30_000 })
})

async function ask(request: AgentRequest): Promise<{ value?: unknown; problem?: string; fix?: string }> {
  const node = ['/opt/sekisho/current/bin/node', '--input-type=module', '-e', CLIENT]
  const said = await lab.router.execOk([...node, JSON.stringify(request)], { timeout: 200_000 })
  return JSON.parse(said) as Awaited<ReturnType<typeof ask>>
}

const phoneHas = async () => (await addressesOf(lab.phone)).v4

async function act(request: AgentRequest): Promise<ActionResult> {
  return (await ask(request)).value as ActionResult
}

const yaml = () => lab.router.execOk(['cat', FILE])
const commentsIn = (text: string) => text.split('\n').flatMap((line) => /#.*$/.exec(line) ?? [])

async function open(): Promise<readonly OpenConnection[]> {
  return (await ask({ ask: 'connections' })).value as readonly OpenConnection[]
}

/** Whether a host gets a page by IPv4 and by IPv6, without asking for a name. */
async function reaches(host: Host): Promise<boolean[]> {
  const urls = [`http://${SERVERS.www.v4}/`, `http://[${SERVERS.www.v6}]/`]
  const pages = urls.map((url) => host.exec(['curl', '-sf', '--max-time', '4', '--output', '/dev/null', url]))
  return (await Promise.all(pages)).map(({ code }) => code === 0)
}

/** What the newest generation says of itself. */
async function newest(): Promise<{ number: number; author: string; summary: string[] }> {
  const entries = (await ask({ ask: 'generations' })).value as {
    number: number
    author: string
    summary: string[]
  }[]
  return entries[0] ?? { number: 0, author: '', summary: [] }
}

describe('questions', () => {
  test('are answered by what the command line says', async () => {
    expect((await ask({ ask: 'status' })).value).toMatchObject({ hostname: 'gate', pendingSteps: 0 })
    const leases = JSON.parse(await lab.router.execOk(['sekisho', 'leases', '--json'])) as unknown
    expect((await ask({ ask: 'leases' })).value).toEqual(leases)
    expect((await ask({ ask: 'plan' })).value).toEqual({
      text: 'Nothing to do: the machine is what router.yaml says.\n',
      changes: false,
    })
    expect(await ask({ ask: 'diff', a: 999_999, b: 1 })).toMatchObject({
      problem: 'there is no generation "999999"',
      fix: expect.stringContaining('name one of'),
    })
    expect((await ask({ ask: 'cost' })).value).toHaveProperty('measured')
  })

  test('are for root, and whoever says something else gets no further', async () => {
    const stat = ['stat', '--format=%F %a %U', '/run/sekisho/requests', SOCKET]
    expect(await lab.router.execOk(stat)).toBe('directory 700 root\nsocket 600 root\n')
    expect(await ask({ ask: 'shell', argv: ['id'] } as never)).toHaveProperty('problem')
    expect(await ask({ action: 'rename', macAddress: laptop.mac, name: 'a\nb: c' } as never)).toHaveProperty(
      'problem',
    )
    expect(await ask({ action: 'pause', macAddress: '--help' } as never)).toHaveProperty('problem')
    expect(await yaml()).toBe(before)
  })
})

describe('a device', () => {
  test('is paused: what is open ends, nothing begins, and its own network stays', async () => {
    const url = `http://${SERVERS.www.v4}/big`
    const stream = lab.laptop.spawn(['curl', '-s', '--limit-rate', '20k', '--output', '/dev/null', url])
    const mine = ({ deviceId, destination }: OpenConnection) =>
      deviceId === laptop.mac && destination === SERVERS.www.v4
    await expect.poll(async () => (await open()).some(mine), { timeout: 30_000, interval: 3500 }).toBe(true)
    expect((await open()).find(mine)).toMatchObject({
      device: 'laptop',
      protocol: 'tcp',
      source: laptop.v4,
      destinationPort: 80,
      state: 'ESTABLISHED',
      down: expect.any(Number),
    })

    const paused = await act({ action: 'pause', macAddress: laptop.mac })
    const last = await newest()
    expect(paused).toEqual({ ok: true, generation: last.number, summary: last.summary.join('; ') })
    expect(last.author).toBe('dashboard')
    const [a, b] = [last.number - 1, last.number]
    const diff = await lab.router.exec(['sekisho', 'diff', String(a), String(b)])
    expect(diff.stdout).toContain(laptop.mac)
    expect((await ask({ ask: 'diff', a, b })).value).toEqual({ text: diff.stdout, changes: true })
    await sleep(3500)
    expect((await open()).filter(mine)).toEqual([])
    expect(await reaches(lab.laptop)).toEqual([false, false])
    expect((await ask({ ask: 'paused' })).value).toEqual([laptop.mac])
    await stream.stop()
    expect(await reaches(lab.phone)).toEqual([true, true])
    expect(await lab.laptop.execOk(['dig', '+short', 'gate.home.arpa', 'A'])).toContain('10.0.0.1\n')
    const text = await yaml()
    expect(text).toBe(
      `${before}firewall:\n  deny:\n    - { from: home, to: wan, source: "${laptop.mac}", why: paused until sekisho resume }\n`,
    )
    expect(await act({ action: 'pause', macAddress: laptop.mac })).toMatchObject({
      ok: false,
      problem: 'laptop is paused already',
    })
    expect(await yaml()).toBe(text)
  })

  test('is resumed, and nothing of it is left', async () => {
    expect(await act({ action: 'resume', macAddress: laptop.mac })).toMatchObject({ ok: true })
    expect(await yaml()).toBe(before)
    expect((await ask({ ask: 'paused' })).value).toEqual([])
    expect(await reaches(lab.laptop)).toEqual([true, true])
    expect(await act({ action: 'resume', macAddress: laptop.mac })).toMatchObject({ ok: false })
  })

  test('gets a name, and another, and keeps its address', async () => {
    expect(await act({ action: 'rename', macAddress: laptop.mac, name: 'desk' })).toMatchObject({
      ok: true,
      summary: expect.stringContaining('desk'),
    })
    const named = async (name: string) =>
      (await lab.laptop.execOk(['dig', '+short', `${name}.home.arpa`, 'A'])).trim()
    await expect.poll(() => named('desk'), { timeout: 30_000 }).toBe(laptop.v4)
    expect(commentsIn(await yaml())).toEqual(commentsIn(before))
    // By the command that people type.
    expect(await lab.router.execOk(['sekisho', 'rename', 'desk', 'true'])).toContain('is called true.')
    expect(await yaml()).toContain(`- { name: "true", mac: "${laptop.mac}", address: ${laptop.v4} }`)
    expect((await newest()).author).toBe('root')
  })

  test('gets an address', async () => {
    const reserved = await act({
      action: 'reserve',
      macAddress: phone.mac,
      address: '10.0.0.60',
      name: 'mobile',
    })
    expect(reserved).toMatchObject({ ok: true })
    expect(await yaml()).toContain(`- { name: mobile, mac: "${phone.mac}", address: 10.0.0.60 }`)
  })

  test('gets another address, by the name that it has', async () => {
    const moved = { action: 'reserve' as const, macAddress: phone.mac, address: '10.0.0.61', name: 'mobile' }
    expect(await act(moved)).toMatchObject({ ok: true })
    const text = await yaml()
    expect(text).toContain(`- { name: mobile, mac: "${phone.mac}", address: 10.0.0.61 }`)
    expect(text).not.toContain('10.0.0.60')
    expect(await act(moved)).toMatchObject({ ok: false, problem: expect.stringContaining('already') })
    await lab.renew('phone')
    await expect.poll(phoneHas, { timeout: 30_000, interval: 300 }).toBe('10.0.0.61')
  })
})

describe('nothing is changed', () => {
  test('for whom nobody knows, and what would be wrong', async () => {
    const text = await yaml()
    const { number } = await newest()
    expect(await act({ action: 'pause', macAddress: '02:00:5e:99:00:01' })).toMatchObject({
      ok: false,
      problem: expect.stringContaining('no device is known'),
      fix: expect.stringContaining('sekisho devices'),
    })
    expect(await act({ action: 'rename', macAddress: laptop.mac, name: 'gate' })).toMatchObject({
      ok: false,
      problem: '"gate" is the router\'s own name',
    })
    expect(await yaml()).toBe(text)
    expect((await newest()).number).toBe(number)
  })

  test('while router.yaml has edits of somebody, or an apply is under way', async () => {
    const text = await yaml()
    const theirs = text.replace('timezone: Asia/Tokyo', 'timezone: Europe/Paris')
    await lab.writeRouterYaml(theirs)
    expect(await act({ action: 'pause', macAddress: laptop.mac })).toMatchObject({
      ok: false,
      problem: expect.stringMatching(/router\.yaml has edits that are not applied: .*Europe\/Paris/),
      fix: expect.stringContaining('sekisho plan'),
    })
    expect(await yaml()).toBe(theirs)
    await lab.writeRouterYaml(text)
    const holder = lab.router.spawn(['flock', '/run/sekisho.lock', 'sh', '-c', 'echo held; sleep 60'])
    await holder.waitFor('held')
    expect(await act({ action: 'pause', macAddress: laptop.mac })).toMatchObject({
      ok: false,
      problem: 'an apply is running',
    })
    await holder.stop()
    expect(await yaml()).toBe(text)
  })

  test('when it cannot be applied, and the file is as it was', async () => {
    const text = await yaml()
    // A native check that says no: apply itself finds it, not the schema.
    await lab.router.execOk(['mount', '--bind', '/bin/false', '/usr/sbin/nft'])
    const failed = await act({ action: 'pause', macAddress: laptop.mac })
    await lab.router.execOk(['umount', '/usr/sbin/nft'])
    expect(failed).toMatchObject({ ok: false, problem: expect.stringContaining('router.yaml is as it was') })
    expect(await yaml()).toBe(text)
    expect((await lab.router.exec(['sekisho', 'plan'])).code).toBe(0)
  })
})

test('without a module that asks there is no socket', async () => {
  await applyYaml(lab, await editedYaml(lab, (document) => document.deleteIn(['modules', 'dashboard'])))
  expect((await lab.router.exec(['ls', '/run/sekisho/requests'])).code).not.toBe(0)
  const units = await lab.router.execOk([
    'systemctl',
    'list-units',
    '--all',
    '--plain',
    '--no-legend',
    'sekisho-requests*',
  ])
  expect(units).toBe('')
})
