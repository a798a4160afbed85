import { beforeAll, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import type { Host } from '../../src/lab/host.ts'
import { type Lab, openLab } from '../../src/lab/lab.ts'
import { WAN } from '../../src/lab/topology.ts'
import { addressesOf } from './support/addresses.ts'
import { baseline } from './support/router-yaml.ts'

/*
 * The dashboard from the network: who gets there, by which name, with which certificate, and who signs in. What its pages
 * show is tested with a browser; what it answers to odd requests, on a socket (src/dashboard/server/).
 */

const PASSWORD = 'correct horse battery'
const CA = '/root/sekisho-ca.crt'
const NAME = 'https://gate.home.arpa'
const ROUTER = '10.0.0.1'
/** What the router may use for its own work, and a container for all of the pages'. */
const MAX_MEMORY = 190 * 1024 * 1024

let lab: Lab

beforeAll(async () => {
  lab = await openLab()
  await baseline(lab)
  const pem = await lab.router.execOk(['sekisho', 'ca'])
  for (const host of [lab.laptop, lab.phone]) await host.writeFile(CA, pem)
  await lab.router.execOk(['sekisho', 'dashboard', 'password'], { input: `${PASSWORD}\n` })
  // Wrong passwords of a run before are forgotten with the process.
  await lab.router.execOk(['docker', 'restart', 'sekisho-dashboard-1'])
  const answers = async () => (await ask(lab.laptop, `${NAME}/api/session`)).status === '200'
  await vi.waitUntil(answers, { timeout: 30_000, interval: 500 })
})

interface Asked {
  readonly code: number
  readonly status: string
  readonly body: string
  readonly redirect: string
}

/** Asks with curl as a browser does that trusts the router's authority; `code` is curl's own. */
async function ask(host: Host, url: string, ...options: string[]): Promise<Asked> {
  const format = '\n%{http_code} %{redirect_url}'
  const curl = ['curl', '-sS', '--max-time', '10', '--cacert', CA, '--write-out', format]
  const { code, stdout } = await host.exec([...curl, ...options, url])
  const end = stdout.lastIndexOf('\n')
  const [status = '', redirect = ''] = stdout.slice(end + 1).split(' ')
  return { code, status, body: stdout.slice(0, end), redirect }
}

function post(host: Host, path: string, body: object, ...options: string[]): Promise<Asked> {
  const headers = ['--header', `origin: ${NAME}`, '--header', 'content-type: application/json']
  return ask(host, `${NAME}${path}`, ...headers, '--data', JSON.stringify(body), ...options)
}

async function newLink(): Promise<string> {
  const made = await lab.router.execOk(['sekisho', 'dashboard', 'link', '--json'])
  return new URL(z.object({ url: z.string() }).parse(JSON.parse(made)).url).hash.slice(1)
}

/** What becomes of a TCP connection. */
async function door(host: Host, address: string, port: number): Promise<string> {
  const url = `http://${address.includes(':') ? `[${address}]` : address}:${port}/`
  const { code } = await host.exec(['curl', '-s', '--max-time', '3', '--output', '/dev/null', url])
  return code === 7 ? 'refused' : code === 28 ? 'timeout' : 'open'
}

describe('the door', () => {
  test('is open at home, by name and by address, IPv4 and IPv6, for who trusts the authority', async () => {
    const { ula } = await addressesOf(lab.router, 'br-home')
    for (const url of [NAME, `https://${ROUTER}`, `https://[${ula}]`])
      for (const host of [lab.laptop, lab.phone])
        expect(await ask(host, `${url}/api/session`)).toMatchObject({
          code: 0,
          status: '200',
          body: expect.stringContaining('"passwordSet":true'),
        })
    const untrusting = await lab.laptop.exec(['curl', '-s', '--max-time', '10', `${NAME}/`])
    // "Peer certificate cannot be authenticated with known CA certificates."
    expect(untrusting.code).toBe(60)
  })

  test('of plain HTTP leads to it', async () => {
    const from = [
      'http://gate.home.arpa/names?text=x',
      'http://gate/names?text=x',
      `http://${ROUTER}/names?text=x`,
    ]
    for (const url of from) {
      const { status, redirect } = await ask(lab.laptop, url, '--resolve', `gate:80:${ROUTER}`)
      const host = url.includes(ROUTER) ? `https://${ROUTER}` : NAME
      expect([status, redirect]).toEqual(['308', `${host}/names?text=x`])
    }
  })

  test('is closed to guests and to the Internet', async () => {
    const router = await addressesOf(lab.router, 'br-home')
    const guest = await addressesOf(lab.router, 'lan1')
    const doors: readonly (readonly [host: Host, address: string, closed: string])[] = [
      ...[ROUTER, '10.0.1.1', router.ula, guest.ula, guest.gua].map(
        (address) => [lab.guest1, address, 'refused'] as const,
      ),
      ...[WAN.router4, router.gua].map((address) => [lab.isp, address, 'timeout'] as const),
      [lab.attacker, WAN.router4, 'timeout'],
    ]
    for (const port of [443, 80, 8443, 8080]) {
      const found = await Promise.all(doors.map(([host, address]) => door(host, address, port)))
      expect([port, ...found]).toEqual([port, ...doors.map(([, , closed]) => closed)])
    }
  })
})

describe('signing in', () => {
  test('needs the password, or a link that nobody used', async () => {
    expect((await post(lab.laptop, '/api/sign-in', { password: 'another password' })).status).toBe('401')
    const jar = ['--cookie-jar', '/root/jar', '--cookie', '/root/jar']
    await lab.laptop.exec(['rm', '-f', '/root/jar'])
    expect((await ask(lab.laptop, `${NAME}/api/now`)).status).toBe('401')
    expect((await post(lab.laptop, '/api/sign-in', { password: PASSWORD }, ...jar)).status).toBe('200')
    expect((await ask(lab.laptop, `${NAME}/api/now`, ...jar)).status).toBe('200')
    const link = await newLink()
    const answers = await Promise.all([1, 2, 3].map(() => post(lab.phone, '/api/sign-in', { link })))
    expect(answers.map(({ status }) => status).toSorted()).toEqual(['200', '401', '401'])
  })

  test('is slow for who guesses, and for nobody else', async () => {
    // By IPv4 it is a neighbour's own address that waits. By IPv6 all come by Docker's proxy, and wait together.
    let status = ''
    for (let i = 0; i < 12 && status !== '429'; i++)
      ({ status } = await post(lab.phone, '/api/sign-in', { password: `guess number ${i}` }, '--ipv4'))
    expect(status).toBe('429')
    expect((await post(lab.phone, '/api/sign-in', { password: PASSWORD }, '--ipv4')).status).toBe('429')
    expect((await post(lab.laptop, '/api/sign-in', { password: PASSWORD }, '--ipv4')).status).toBe('200')
    expect((await post(lab.phone, '/api/sign-in', { link: await newLink() }, '--ipv4')).status).toBe('200')
  })

  test('from a page of another site, or under another name, is none', async () => {
    const evil = ['--header', 'origin: https://evil.example', '--header', 'content-type: application/json']
    const body = ['--data', JSON.stringify({ password: PASSWORD })]
    expect((await ask(lab.laptop, `${NAME}/api/sign-in`, ...evil, ...body)).status).toBe('403')
    expect((await ask(lab.laptop, `${NAME}/`, '--header', 'host: evil.example')).status).toBe('421')
  })
})

test('its container has no rights, no socket of Docker, and keeps within its memory', async () => {
  const inspected = await lab.router.execOk(['docker', 'inspect', 'sekisho-dashboard-1'])
  const [container] = z
    .array(
      z.object({
        HostConfig: z.object({
          CapAdd: z.array(z.string()).nullable(),
          CapDrop: z.array(z.string()),
          Memory: z.number(),
          NetworkMode: z.string(),
          Privileged: z.boolean(),
          ReadonlyRootfs: z.boolean(),
        }),
        Mounts: z.array(z.object({ Source: z.string(), RW: z.boolean() })),
      }),
    )
    .parse(JSON.parse(inspected))
  expect(container?.HostConfig).toMatchObject({
    CapDrop: ['ALL'],
    Memory: MAX_MEMORY,
    NetworkMode: 'sekisho_containers',
    Privileged: false,
    ReadonlyRootfs: true,
  })
  expect(container?.HostConfig.CapAdd ?? []).toEqual([])
  const mounts = container?.Mounts ?? []
  expect(mounts.filter(({ Source }) => Source.includes('docker'))).toEqual([])
  expect(mounts.filter(({ Source }) => '/var/lib/sekisho/dashboard/ca'.startsWith(Source))).toEqual([])
  const written = mounts.filter(({ RW }) => RW).map(({ Source }) => Source)
  expect(written.toSorted()).toEqual(
    ['state', 'temporary'].map((name) => `/var/lib/sekisho/dashboard/${name}`),
  )
  const shell = ['docker', 'exec', 'sekisho-dashboard-1', 'sh', '-c']
  for (const path of ['/var/lib/sekisho/recorder/records/x', '/run/sekisho/agent/x', '/app/x'])
    expect((await lab.router.exec([...shell, `touch ${path}`])).code).not.toBe(0)
})
