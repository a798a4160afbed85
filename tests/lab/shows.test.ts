import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Lab, openLab } from '../../src/lab/lab.ts'
import { applyYaml, baseline, baselineYaml } from './support/router-yaml.ts'

/*
 * What README promises to someone who types its commands: the commands themselves, through ./sekisho.
 */

const SEKISHO = join(import.meta.dirname, '../../sekisho')
const folder = mkdtempSync(join(tmpdir(), 'sekisho-shows-'))
let lab: Lab

beforeAll(async () => {
  lab = await openLab()
  await baseline(lab)
})
afterAll(async () => {
  rmSync(folder, { recursive: true })
  await baseline(lab)
})

function sekisho(...args: string[]): { code: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(SEKISHO, args, { encoding: 'utf8' })
  return { code: status, stdout, stderr }
}

/** `./sekisho lab exec HOST -- CMD…` */
function labExec(host: string, ...command: string[]): ReturnType<typeof sekisho> {
  return sekisho('lab', 'exec', host, '--', ...command)
}

describe('the laptop', () => {
  test('resolves with DNSSEC', () => {
    const { stdout } = labExec('laptop', 'dig', '+dnssec', 'www.example.org')
    expect(stdout).toMatch(/;; flags:[^;]* ad[ ;]/)
    expect(stdout).toMatch(/^www\.example\.org\.\s+\d+\s+IN\s+A\s+203\.0\.113\.80$/m)
  })

  test.each(['-4', '-6'])('fetches a page with curl %s', (family) => {
    const { code, stdout } = labExec('laptop', 'curl', family, '-s', 'http://www.example.org/')
    expect(code).toBe(0)
    expect(stdout).toContain('This is www.example.org')
  })

  test("finds the phone by its name, and the name by the phone's address", async () => {
    const { stdout } = labExec('laptop', 'dig', '+short', 'phone.home.arpa')
    const address = stdout.trim()
    expect(address).toMatch(/^10\.0\.0\.\d+$/)
    expect(await lab.phone.execOk(['ip', '-4', 'address', 'show', 'dev', 'eth0'])).toContain(
      `inet ${address}/24`,
    )
    expect(labExec('laptop', 'dig', '+short', '-x', address).stdout.trim()).toBe('phone.home.arpa.')
  })

  test('is refused what is bogus, and rebinding', () => {
    expect(labExec('laptop', 'dig', 'www.bogus.example.net').stdout).toContain('status: SERVFAIL')
    const { stdout } = labExec('laptop', 'dig', '+short', 'gate.home.arpa', 'A')
    expect(stdout.trim().split('\n')).toContain('10.0.0.1')
  })
})

describe('the router', () => {
  test('runs, with every unit well, and its containers in one Compose project', () => {
    expect(labExec('router', 'systemctl', 'is-system-running').stdout).toBe('running\n')
    expect(labExec('router', 'docker', 'compose', 'ls').stdout).toMatch(/^sekisho\s+running\(6\)/m)
  })

  test('says so in status', async () => {
    // The tests before may have restarted Docker: health comes back within its start period.
    await expect.poll(() => labExec('router', 'sekisho', 'status').code, { timeout: 60_000 }).toBe(0)
    const { code, stdout } = labExec('router', 'sekisho', 'status')
    expect(stdout).toMatch(/^gate: generation \d+, as router\.yaml says$/m)
    expect(stdout).not.toMatch(/^!/m)
    expect(code).toBe(0)
    const json = labExec('router', 'sekisho', 'status', '--json')
    expect(JSON.parse(json.stdout)).toMatchObject({ hostname: 'gate', firewall: 'loaded', ok: true })
  })

  test('has nothing to do, and plan says that too', () => {
    expect(labExec('router', 'sekisho', 'plan').code).toBe(0)
    const { stdout } = labExec('router', 'sekisho', 'plan', '--json')
    expect(JSON.parse(stdout)).toMatchObject({ pending: false, changes: [], drift: [], steps: [] })
  })
})

test('a guest reaches the laptop only after firewall.allow says so', async () => {
  const laptop =
    labExec('laptop', 'hostname', '-I')
      .stdout.split(' ')
      .find((a) => a.startsWith('10.')) ?? ''
  const ping = () => labExec('guest1', 'ping', '-c', '1', '-W', '2', laptop).code
  expect(ping()).not.toBe(0)
  await applyYaml(lab, await baselineYaml(lab, 'firewall:\n  allow:\n    - { from: guest, to: home }\n'))
  expect(ping()).toBe(0)
  await baseline(lab)
  expect(ping()).not.toBe(0)
})

describe('check', () => {
  const examples = join(import.meta.dirname, '../../examples')

  test.each(['home', 'office', 'lab'])('examples/%s.yaml is right', (name) => {
    const { code, stdout } = sekisho('check', join(examples, `${name}.yaml`))
    expect(stdout).toMatch(/^ok: /)
    expect(code).toBe(0)
  })

  test('finds every mistake at once, each with its place and a fix', () => {
    const file = join(folder, 'router.yaml')
    writeFileSync(
      file,
      [
        'version: 1',
        'hostname: gate',
        'wan: { interface: wan0, mode: dhcp }',
        'networks:',
        '  home:',
        '    interfaces: [wan0]',
        '    address: 10.0.0.1/24',
        '    subnet_id: 1',
        '    dhcp:',
        '      pools: [10.0.1.129 - 10.0.1.254]',
        '  guest:',
        '    interfaces: [lan1]',
        '    address: 10.0.0.129/25',
        '    subnet_id: 1',
        'modules:',
        '  unbond: {}',
        '',
      ].join('\n'),
    )
    const { code, stdout } = sekisho('check', file)
    expect(code).toBe(1)
    const places = [...stdout.matchAll(/^\S+\/router\.yaml:(\d+):\d+ (\S+): .* Fix: \S/gm)].map(
      (m) => `${m[1]} ${m[2]}`,
    )
    expect(places).toEqual([
      '6 networks.home.interfaces[0]',
      '10 networks.home.dhcp.pools[0]',
      '13 networks.guest.address',
      '14 networks.guest.subnet_id',
      '16 modules.unbond',
    ])
    expect(stdout.match(/^\s+\^+$/gm)).toHaveLength(5)
  })

  test('works without root', () => {
    // Nobody, who may read this checkout wherever it lies.
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups']
    const reading = ['--inh-caps=+dac_read_search', '--ambient-caps=+dac_read_search', '--']
    const argv = [...nobody, ...reading, process.execPath, join(SEKISHO, '../src/cli/main.ts'), 'check']
    const out = execFileSync('setpriv', [...argv, join(examples, 'home.yaml')], { encoding: 'utf8' })
    expect(out).toMatch(/^ok: /)
  })
})
