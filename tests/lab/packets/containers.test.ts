import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Host, Running } from '../../../src/lab/host.ts'
import { type Lab, openLab } from '../../../src/lab/lab.ts'
import { SERVERS, WAN } from '../../../src/lab/topology.ts'
import { type Addresses, addressesOf } from '../support/addresses.ts'
import { applyYaml, baseline, baselineYaml } from '../support/router-yaml.ts'
import { scanTcp } from './nmap.ts'
import { type Call, dialAll, serve } from './peer.ts'
import { until, watch } from './watch.ts'

/*
 * Containers that someone starts by hand, and those of a module: publishing a port opens nothing by itself.
 */

/** By hand: on Docker's own bridge, on a network of its own, and on the router's own network. */
const CONTAINERS = [
  { name: 'packets-bridge', port: 8099, network: 'bridge' },
  { name: 'packets-own', port: 8096, network: 'packets' },
  { name: 'packets-host', port: 8097, network: 'host' },
] as const
const PUBLISHED = [8099, 8096] as const
const MODULE = '/root/modules/hello'

const PROGRAM = `
const port = Number(process.argv[1])
const seen = (address) => 'container sees ' + String(address).replace('::ffff:', '')
require('node:http').createServer((_, reply) => reply.end(seen(_.socket.remoteAddress))).listen(port)
const udp = require('node:dgram').createSocket('udp4')
udp.on('message', (_, from) => udp.send(seen(from.address), from.port, from.address)).bind(port)
`

let lab: Lab
let laptop: Addresses
let guest1: Addresses
let inside: string[] = []
let servers: Running[] = []

beforeAll(async () => {
  lab = await openLab()
  await baseline(lab)
  laptop = await addressesOf(lab.laptop)
  guest1 = await addressesOf(lab.guest1)
  await removeContainers()
  const images = await docker('images', '--format', '{{.Repository}}:{{.Tag}}', 'sekisho/node')
  const image = images.trim().split('\n')[0] ?? ''
  await docker('network', 'create', 'packets')
  for (const { name, port, network } of CONTAINERS) {
    const publish = network === 'host' ? [] : ['-p', `${port}:8080`, '-p', `${port}:8080/udp`]
    const run = ['run', '-d', '--name', name, '--network', network, ...publish, image]
    await docker(...run, 'node', '-e', PROGRAM, '--', network === 'host' ? String(port) : '8080')
  }
  const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}'
  inside = (await docker('inspect', '--format', format, 'packets-bridge', 'packets-own')).trim().split('\n')
  servers = [
    await serve(lab.laptop, { tcp: [8080, 22], udp: [8080] }),
    await serve(lab.guest1, { tcp: [8080] }),
  ]
}, 120_000)

afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()))
  if (lab === undefined) return
  await removeContainers()
  await baseline(lab)
})

function docker(...args: readonly string[]): Promise<string> {
  return lab.router.execOk(['docker', ...args])
}

async function removeContainers(): Promise<void> {
  await lab.router.exec(['docker', 'rm', '-f', ...CONTAINERS.map(({ name }) => name)])
  await lab.router.exec(['docker', 'network', 'rm', 'packets'])
}

/** A page over HTTP, or what went wrong: "refused", "timeout", "unreachable". */
async function page(host: Host, to: string, port: number): Promise<string> {
  const url = `http://${to.includes(':') ? `[${to}]` : to}:${port}/`
  const got = await host.exec(['curl', '-sS', '--max-time', '2', url])
  if (got.code === 0) return got.stdout
  if (got.code === 28) return 'timeout'
  return /refused/.test(got.stderr) || got.code === 7 ? 'refused' : got.stderr
}

/** What a TCP connection from a container comes to: "open", or the error's code. */
async function connectIn(container: string, to: string, port: number): Promise<string> {
  const program = `const c = require('node:net').connect({ host: process.argv[1], port: Number(process.argv[2]) })
    const end = (word) => { console.log(word); process.exit() }
    c.setTimeout(2000, () => end('timeout')).on('connect', () => end('open')).on('error', (e) => end(e.code))`
  return (await docker('exec', container, 'node', '-e', program, to, String(port))).trim()
}

/** A page as a container gets it. */
async function pageIn(container: string, url: string): Promise<string> {
  const program = `fetch(process.argv[1], { signal: AbortSignal.timeout(4000) })
    .then((r) => r.text()).then(console.log, (e) => console.log('failed', e.cause?.code ?? e.name))`
  return (await docker('exec', container, 'node', '-e', program, url)).trim()
}

async function withRouteToContainers(host: Host, via: string, action: () => Promise<void>): Promise<void> {
  await host.execOk(['ip', 'route', 'replace', '172.16.0.0/12', 'via', via])
  try {
    await action()
  } finally {
    await host.exec(['ip', 'route', 'del', '172.16.0.0/12', 'via', via])
  }
}

describe('a container that publishes a port', () => {
  test('answers the router itself, so that silence elsewhere means something', async () => {
    for (const { port } of CONTAINERS)
      expect(
        await until(
          () => page(lab.router, '127.0.0.1', port),
          (said) => said !== 'refused',
        ),
      ).toMatch('container sees')
    for (const address of inside) expect(await page(lab.router, address, 8080)).toMatch('container sees')
  })

  test('is not reached from the WAN by any address', async () => {
    const router6 = /2001:db8:0:1:\S+(?=\/64)/.exec(
      await lab.router.execOk(['ip', '-6', 'address', 'show', 'dev', 'wan0']),
    )?.[0]
    const ports = CONTAINERS.map(({ port }) => port)
    await withRouteToContainers(lab.attacker, WAN.router4, async () => {
      const calls = [
        ...[WAN.router4, router6 ?? ''].flatMap((to) => ports.map((port): Call => ({ to, port }))),
        ...inside.map((to): Call => ({ to, port: 8080 })),
      ]
      const all = calls.flatMap((call): Call[] => [
        { ...call, ms: 1500 },
        { ...call, ms: 1500, protocol: 'udp' },
      ])
      const bridges = await lab.router.capture('any', `src host ${WAN.attacker4} and dst net 172.16.0.0/12`)
      expect(await dialAll(lab.attacker, all)).toEqual(all.map(() => 'timeout'))
      const seen = await bridges.stop()
      expect(seen.filter((line) => / Out /.test(line))).toEqual([])
      expect(seen.some((line) => / In /.test(line))).toBe(true)
      const scan = await scanTcp(lab.attacker, WAN.router4, '8080,8090-8100')
      expect(scan).toEqual({ open: [], rest: { filtered: 12 } })
    })
  })

  test('nor from our networks', async () => {
    for (const { host, via } of [
      { host: lab.laptop, via: '10.0.0.1' },
      { host: lab.guest1, via: '10.0.1.1' },
    ]) {
      await withRouteToContainers(host, via, async () => {
        for (const to of ['10.0.0.1', '10.0.1.1', WAN.router4, 'fd4b:7a11:9c02:1::1'])
          for (const { port } of CONTAINERS)
            expect(await page(host, to, port), `${to} ${port}`).toBe('refused')
        for (const to of inside) expect(await page(host, to, 8080), to).toBe('refused')
        const udp = PUBLISHED.map((port): Call => ({ to: via, port, protocol: 'udp', ms: 1000 }))
        for (const said of await dialAll(host, udp)) expect(said).toMatch(/^(unreachable|timeout)$/)
      })
    }
  })

  test("reaches the Internet behind the WAN's address", async () => {
    for (const name of ['packets-bridge', 'packets-own']) {
      const lines = await watch(lab.isp, 'customer', 'src net 172.16.0.0/12', async () => {
        expect(await pageIn(name, `http://${SERVERS.www.v4}/`)).toMatch(`You are ${WAN.router4}.`)
      })
      expect(lines).toEqual([])
    }
    // A network of one's own has Docker's resolver, which asks ours.
    expect(await pageIn('packets-own', 'http://www.example.org/')).toMatch(`You are ${WAN.router4}.`)
  })

  test('reaches neither our hosts nor the router', async () => {
    const filter = 'src net 172.16.0.0/12 or (src host 10.0.0.1 and tcp port 8080)'
    for (const [i, name] of (['packets-bridge', 'packets-own'] as const).entries()) {
      const gateway = inside[i]?.replace(/\.\d+$/, '.1') ?? ''
      const lines = await watch(lab.laptop, 'eth0', filter, async () => {
        for (const [to, port] of [
          [laptop.v4, 8080],
          ['10.0.0.1', 53],
          ['10.0.1.1', 53],
          [WAN.router4, 22],
          [gateway, 22],
        ] as const)
          expect(await connectIn(name, to, port), `${to} ${port}`).toBe('ECONNREFUSED')
      })
      expect(lines).toEqual([])
    }
  })
})

describe('what router.yaml says of containers', () => {
  const allow = (...lines: string[]) =>
    `\nfirewall:\n  allow:\n${lines.map((l) => `    - { ${l} }\n`).join('')}`

  test('one published port for the WAN, and no other', async () => {
    const firewall = allow('from: wan, to: containers, protocol: tcp, ports: [8099], why: test')
    await applyYaml(lab, await baselineYaml(lab, firewall))
    expect(await page(lab.attacker, WAN.router4, 8099)).toBe(`container sees ${WAN.attacker4}`)
    await withRouteToContainers(lab.attacker, WAN.router4, async () => {
      const calls = [
        { to: WAN.router4, port: 8096 },
        { to: WAN.router4, port: 8097 },
        { to: WAN.router4, port: 8099, protocol: 'udp' as const },
        { to: inside[0] ?? '', port: 8080 },
        { to: inside[0] ?? '', port: 8099 },
      ].map((call): Call => ({ ...call, ms: 1500 }))
      expect(await dialAll(lab.attacker, calls)).toEqual(calls.map(() => 'timeout'))
    })
    expect(await page(lab.laptop, '10.0.0.1', 8099)).toBe('refused')
  })

  test('one published port for home, and containers into home', async () => {
    const firewall = allow(
      'from: home, to: containers, protocol: tcp, ports: [8096], why: test',
      'from: containers, to: home, protocol: tcp, ports: [8080], why: test',
    )
    await applyYaml(lab, await baselineYaml(lab, firewall))
    expect(await page(lab.laptop, '10.0.0.1', 8096)).toBe(`container sees ${laptop.v4}`)
    expect(await page(lab.laptop, '10.0.0.1', 8099)).toBe('refused')
    expect(await page(lab.guest1, '10.0.1.1', 8096)).toBe('refused')
    expect(await page(lab.attacker, WAN.router4, 8096)).toBe('timeout')
    expect(await connectIn('packets-own', laptop.v4, 8080)).toBe('open')
    expect(await connectIn('packets-own', laptop.v4, 22)).toBe('ECONNREFUSED')
    expect(await connectIn('packets-own', guest1.v4, 8080)).toBe('ECONNREFUSED')
    await baseline(lab)
    expect(await page(lab.laptop, '10.0.0.1', 8096)).toBe('refused')
  })
})

describe("a user's module", () => {
  async function copyModule(): Promise<void> {
    const folder = join(lab.places.checkout, 'examples/modules/hello')
    for (const name of await readdir(folder))
      await lab.router.writeFile(`${MODULE}/${name}`, await readFile(join(folder, name)))
  }

  test('opens its port to the network it names, and closes it when it goes', async () => {
    await copyModule()
    const yaml = (await baselineYaml(lab)).replace(
      '  recorder: {}',
      `  recorder: {}\n  hello: { path: ${MODULE}, greeting: good morning }`,
    )
    const before = await docker('ps', '-a', '--format', '{{.Names}}')
    await applyYaml(lab, yaml)
    expect(await page(lab.laptop, '10.0.0.1', 8080)).toBe('good morning\n')
    expect(await page(lab.phone, '10.0.0.1', 8080)).toBe('good morning\n')
    expect(await page(lab.guest1, '10.0.1.1', 8080)).toBe('refused')
    expect(await page(lab.guest1, '10.0.0.1', 8080)).toBe('refused')
    expect(await page(lab.attacker, WAN.router4, 8080)).toBe('timeout')
    await baseline(lab)
    expect(await page(lab.laptop, '10.0.0.1', 8080)).toBe('refused')
    expect(await docker('ps', '-a', '--format', '{{.Names}}')).toBe(before)
  }, 180_000)
})

test('the router itself reaches the Internet and its own resolver beside all that', async () => {
  const four = await lab.router.execOk(['curl', '-sS4', '--max-time', '5', 'http://www.example.org/'])
  expect(four).toMatch(`You are ${WAN.router4}.`)
  const six = await lab.router.execOk(['curl', '-sS6', '--max-time', '5', 'http://www.example.org/'])
  expect(six).toMatch(SERVERS.www.v6)
  const answer = await lab.router.execOk(['dig', '@127.0.0.1', '+dnssec', '+time=3', 'www.example.org', 'A'])
  expect(answer).toMatch(/flags: [^;]*\bad\b/)
})
