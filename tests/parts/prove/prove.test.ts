import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run, runOk } from '../../../src/lib/run.ts'
import { type LoadedRouter, loadRouter } from '../../../src/load-router.ts'
import { type Proof, prove } from '../../../src/prove/prove.ts'
import { type RuleGroup, renderNft } from '../../../src/router/render/nft.ts'

/*
 * Checks of router.yaml, proved with real packets in networks of their own. Needs root, and no lab.
 */

type Loaded = Extract<LoadedRouter, { ok: true }>

const HOUSE = `version: 1
hostname: gate
ula_prefix: fd4b:7a11:9c02::/48
wan: { mode: dhcp, interface: wan0 }
networks:
  home:
    interfaces: [lan0, lan2]
    address: 10.0.0.1/24
    subnet_id: 1
    dhcp:
      pools: [10.0.0.129 - 10.0.0.254]
      reservations:
        - { name: laptop, mac: "02:00:5e:30:00:01", address: 10.0.0.10 }
        - { name: web, mac: "02:00:5e:30:00:02", address: 10.0.0.20 }
  guest: { interfaces: [lan1], address: 10.0.1.1/24, subnet_id: 2, dhcp: { pools: [10.0.1.129 - 10.0.1.254] } }
modules: { unbound: {}, kea: {}, chrony: {} }
`
const RULES = `firewall:
  deny:
    - { from: home, source: laptop, protocol: tcp, ports: [25], why: no mail }
  forwards:
    - { port: 443, to: 10.0.0.20, why: web site }
    - { port: 8000-8010, to: 10.0.0.21, source: 198.51.100.0/24 }
  pinholes:
    - { network: home, interface_id: "::1c2d:3eff:fe4f:5a6b", ports: [443], why: web site }
`
/** All of these hold with RULES. */
const PROMISES = `checks:
  - { from: guest, to: home, expect: blocked }
  - { from: home, to: guest, expect: blocked }
  - { from: wan, to: 10.0.0.20, protocol: tcp, ports: [443], expect: reached }
  - { from: 198.51.100.7, to: 10.0.0.21, protocol: tcp, ports: [8000-8010], expect: reached }
  - { from: 192.0.2.7, to: 10.0.0.21, protocol: tcp, ports: [8000-8010], expect: blocked }
  - { from: wan, to: 10.0.0.20, protocol: tcp, ports: [22, 80], expect: blocked }
  - { from: wan, to: "::1c2d:3eff:fe4f:5a6b", protocol: tcp, ports: [443], expect: reached }
  - { from: wan, to: guest, protocol: tcp+udp, expect: blocked }
  - { from: laptop, to: wan, protocol: tcp, ports: [25], expect: blocked }
  - { from: laptop, to: wan, protocol: tcp, ports: [80, 443], expect: reached }
  - { from: web, to: wan, protocol: tcp, ports: [25], expect: reached }
  - { from: wan, to: router, protocol: tcp, ports: [22], expect: blocked }
  - { from: guest, to: router, protocol: tcp, ports: [22], expect: blocked }
  - { from: home, to: router, protocol: tcp, ports: [22], expect: reached }
  - { from: guest, to: router, protocol: tcp+udp, ports: [53], expect: reached }
  - { from: guest, to: router, protocol: icmp, expect: reached }
  - { from: guest, to: wan, expect: reached }
  - { from: containers, to: wan, protocol: tcp, expect: reached }
  - { from: containers, to: home, expect: blocked }
  - { from: guest, to: containers, expect: blocked }
`

let folder: string
let loaded: Loaded
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sekisho-prove-'))
  loaded = await load(HOUSE + RULES + PROMISES)
})
afterAll(() => rm(folder, { recursive: true }))

async function load(text: string): Promise<Loaded> {
  const file = join(folder, 'router.yaml')
  await writeFile(file, text)
  const router = await loadRouter(file)
  if (!router.ok) throw new Error(JSON.stringify(router.issues))
  return router
}

/** What does not hold, as "line: message. Fix: fix". */
function broken(proof: Proof, { locate }: Loaded): string[] {
  return locate(proof.issues).map(
    ({ location, message, fix }) => `${location?.line}: ${message}. Fix: ${fix}`,
  )
}

async function provedWith(rules: string, checks: string): Promise<string[]> {
  const router = await load(`${HOUSE}${rules}checks:\n${checks}`)
  return broken(await prove(router), router)
}

test('what holds is proved, by many packets, and leaves nothing behind', async () => {
  // On a machine that others work on too: what is named as the twin's.
  const ours = /\b(wan0|lan[0-9]|br-home|sekisho-[0-9]+|br-5e615406a7e0)\b/
  const traces = async () =>
    (await runOk(['ip', '-brief', 'link'])).split('\n').filter((line) => ours.test(line))
  const before = await traces()
  const proof = await prove(loaded)
  expect(broken(proof, loaded)).toEqual([])
  expect(proof.packets).toBeGreaterThan(150)
  expect(await traces()).toEqual(before)
})

test('no checks need no twin', async () => {
  const router = await load(HOUSE)
  expect(await prove(router)).toEqual({ ok: true, packets: 0, results: [], issues: [] })
})

describe('what does not hold names the rule and the way out', () => {
  test('an exception that was forgotten', async () => {
    const rules = `firewall:
  allow:
    - { from: guest, to: home, protocol: tcp, ports: [9100], destination: 10.0.0.30, why: printer }
`
    expect(await provedWith(rules, '  - { from: guest, to: home, expect: blocked }\n')).toEqual([
      '21: guest reaches home: TCP 10.0.1.129 → 10.0.0.30 port 9100 arrived at 10.0.0.30, let through by firewall.allow: printer (chain forward_guest: oifname "br-home" ip daddr 10.0.0.30 tcp dport 9100 accept). Fix: remove or narrow entry 1 of firewall.allow',
    ])
  })

  test('a device that may still do it, over either IP version', async () => {
    const [said, ...more] = await provedWith(
      '',
      '  - { from: laptop, to: wan, protocol: tcp, ports: [25], expect: blocked }\n',
    )
    expect(more).toEqual([])
    expect(said).toMatch(
      /^18: laptop reaches wan: TCP 10\.0\.0\.10 → \S+ port 25 arrived at \S+, let through by core: .*to the WAN \(chain forward: .*\) \(and 1 more of 2 packets\)\. Fix: add \{ from: home, source: laptop, to: wan, protocol: tcp, ports: \[25\] \} to firewall\.deny/,
    )
  })

  test('a forward that is missing, one that leads elsewhere, and one for others', async () => {
    const rules = `firewall:
  forwards:
    - { port: 80, to: 10.0.0.21 }
    - { port: 81, to: 10.0.0.20, source: 198.51.100.0/24 }
`
    const check = (port: number, from = 'wan') =>
      `  - { from: ${from}, to: 10.0.0.20, protocol: tcp, ports: [${port}], expect: reached }\n`
    const said = await provedWith(
      rules,
      check(443) + check(80) + check(81, '192.0.2.77') + check(81, '198.51.100.77'),
    )
    expect(said).toEqual([
      expect.stringMatching(
        /^22: wan does not reach 10\.0\.0\.20: TCP \S+ → 192\.0\.2\.2 port 443 was dropped by core: everything else \(chain input_wan: goto drop_input_wan\)\. Fix: add \{ port: 443, protocol: tcp, to: 10\.0\.0\.20 \} to firewall\.forwards$/,
      ),
      expect.stringMatching(
        /^23: .* port 80 arrived at 10\.0\.0\.21, .*Fix: correct the rule that sends it there/,
      ),
      expect.stringMatching(/^24: .* port 81 was dropped by core: .*firewall\.forwards$/),
    ])
  })

  test("the router's own services", async () => {
    const said = await provedWith(
      '',
      `  - { from: guest, to: router, protocol: tcp, ports: [22], expect: reached }
  - { from: home, to: router, protocol: tcp, ports: [22], expect: blocked }
  - { from: guest, to: router, protocol: udp, ports: [53], expect: blocked }
  - { from: wan, to: router, protocol: tcp, ports: [8080], expect: reached }
`,
    )
    expect(said.map((line) => line.replace(/^(\d+: \S+ .*?): .* (was|arrived|Fix)/, '$1 … $2'))).toEqual([
      expect.stringContaining('add ssh to networks.guest.router_access'),
      expect.stringContaining('take ssh out of networks.home.router_access'),
      expect.stringContaining('the module unbound opened it'),
      expect.stringContaining(
        'add { from: wan, to: router, protocol: tcp, ports: [8080] } to firewall.allow',
      ),
    ])
  })

  test('a denial that goes too far', async () => {
    const rules = 'firewall: { deny: [{ from: guest, to: wan, protocol: udp }] }\n'
    const said = await provedWith(rules, '  - { from: guest, to: wan, expect: reached }\n')
    expect(said).toHaveLength(1)
    expect(said[0]).toMatch(
      /UDP .* was refused by firewall\.deny: guest to wan .*Fix: remove or narrow entry 1 of firewall\.deny$/,
    )
  })
})

describe('whatever the rules are, the packets tell', () => {
  const WITHOUT: readonly RuleGroup[] = [
    'default-deny',
    'deny',
    'forward-dnat',
    'forward-accept',
    'pinhole',
    'masquerade',
    'opening',
    'outbound',
    'ping',
    'ssh',
    'containers-outbound',
  ]
  test.each(WITHOUT)('rules without %s do not pass', async (without) => {
    const openings = [...loaded.outputs].flatMap(([owner, output]) =>
      output.openings.map((opening) => ({ owner, opening })),
    )
    const text = renderNft({ router: loaded.router, openings, without })
    const files = loaded.desired.files.map((file) => (file.path === 'sekisho.nft' ? { ...file, text } : file))
    const proof = await prove({ ...loaded, desired: { ...loaded.desired, files } })
    expect(proof.ok).toBe(false)
    for (const line of broken(proof, loaded))
      expect(line).toMatch(/^\d+: .+ (was|arrived|passed|could) .+ Fix: .+/)
  })

  test('rules that do not load are an error, and no proof', async () => {
    const files = [
      { path: 'sekisho.nft', text: 'table inet sekisho { nonsense }\n', mode: 0o644, owner: 'core' },
    ]
    await expect(prove({ ...loaded, desired: { ...loaded.desired, files } })).rejects.toThrow(
      'the firewall cannot be loaded',
    )
  })
})

test('the promises of examples/office.yaml hold', async () => {
  const router = await loadRouter(join(import.meta.dirname, '../../../examples/office.yaml'))
  if (!router.ok) throw new Error(JSON.stringify(router.issues))
  expect(router.checks.length).toBeGreaterThan(5)
  expect(broken(await prove(router), router)).toEqual([])
})

test('a proof that is killed leaves nothing behind', async () => {
  const script = `
    import { Twin } from ${JSON.stringify(join(import.meta.dirname, '../../../src/prove/twin.ts'))}
    await Twin.start({ devices: [{ name: 'wan0', addresses: ['192.0.2.1/24'] }], hosts: [], routes: [], sysctls: {}, rulesets: [] })
    console.log('ready')
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const line of createInterface({ input: child.stdout })) if (line === 'ready') break
  const below = async (pid: number): Promise<number[]> => {
    const { stdout } = await run(['pgrep', '--parent', String(pid)])
    const children = stdout.split('\n').filter(Boolean).map(Number)
    return [...children, ...(await Promise.all(children.map(below))).flat()]
  }
  const started = await below(child.pid ?? 0)
  expect(started.length).toBeGreaterThan(1)
  child.kill('SIGKILL')
  await expect
    .poll(
      async () =>
        (await Promise.all(started.map((pid) => run(['kill', '-0', String(pid)])))).map(({ code }) => code),
      {
        timeout: 20_000,
      },
    )
    .toEqual(started.map(() => 1))
})
