import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { loadRouter } from '../../load-router.ts'
import type { DesiredState } from '../desired.ts'
import { createHost, type ExecResult, type Host } from '../host.ts'
import { probesOf } from './probes-of.ts'

const roots: string[] = []
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true, force: true })
})

/** A machine that answers these programs, by the beginning of their lines. */
async function machine(answers: Record<string, string>, carrier = '1'): Promise<Host> {
  const root = mkdtempSync(join(tmpdir(), 'sekisho-probes-'))
  roots.push(root)
  const exec = async (argv: readonly string[]): Promise<ExecResult> => {
    const line = argv.join(' ')
    const known = Object.entries(answers).find(([begins]) => line.startsWith(begins))
    return { code: known ? 0 : 1, stdout: known?.[1] ?? '', stderr: known ? '' : 'no' }
  }
  const host = createHost({ root, exec, durable: false })
  await host.write('/sys/class/net/wan0/carrier', `${carrier}\n`, 0o644)
  return host
}

async function lab(change: (text: string) => string = (text) => text): Promise<DesiredState> {
  const { readFile, writeFile } = await import('node:fs/promises')
  const text = change(await readFile(join(import.meta.dirname, '../../../examples/lab.yaml'), 'utf8'))
  const root = mkdtempSync(join(tmpdir(), 'sekisho-probes-'))
  roots.push(root)
  const file = join(root, 'router.yaml')
  await writeFile(file, text)
  const loaded = await loadRouter(file)
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.issues))
  return loaded.desired
}

async function seen(host: Host, desired: DesiredState, name: string): Promise<string | undefined> {
  const probe = probesOf(host, desired).find((candidate) => candidate.name === name)
  if (!probe) throw new Error(`no probe ${name}`)
  return probe.run()
}

it('asks what the router does, by names that stay when addresses change', async () => {
  const host = await machine({})
  const names = probesOf(host, await lab()).map(({ name }) => name)
  expect(names).toEqual([
    'WAN address (IPv4)',
    'default route (IPv4)',
    'default route (IPv6)',
    'DNS in home',
    'DNS in guest',
    'DNS in the router itself',
    'DNS of the Internet',
    'DHCP in home',
    'DHCP in guest',
    'forwarding (IPv4)',
    'forwarding (IPv6)',
    'containers',
  ])
  const moved = await lab((text) => text.replaceAll('10.0.0.', '10.0.9.'))
  expect(
    probesOf(host, moved)
      .map(({ name }) => name)
      .toSorted(),
  ).toEqual(names.toSorted())
  const narrow = await lab((text) => text.replace('mode: dhcp', 'mode: dhcp\n  ipv6: "off"'))
  expect(probesOf(host, narrow).map(({ name }) => name)).not.toContain('default route (IPv6)')
  const bare = await lab((text) => text.slice(0, text.indexOf('modules:')).replaceAll(/ {4}dhcp:\n.*\n/g, ''))
  expect(probesOf(host, bare).map(({ name }) => name)).toEqual([
    'WAN address (IPv4)',
    'default route (IPv4)',
    'default route (IPv6)',
    'forwarding (IPv4)',
    'forwarding (IPv6)',
  ])
})

it('says what it saw', async () => {
  const desired = await lab()
  const nothing = await machine({})
  expect(await seen(nothing, desired, 'WAN address (IPv4)')).toBe('wan0 has no address')
  expect(await seen(nothing, desired, 'default route (IPv4)')).toBe('no default route by wan0')
  expect(await seen(nothing, desired, 'DNS of the Internet')).toBe('no default route by wan0')
  expect(await seen(nothing, desired, 'DHCP in guest')).toBe('nobody listens at 10.0.1.1 port 67')
  expect(await seen(nothing, desired, 'containers')).toBe('Docker does not answer')
  expect(await seen(nothing, desired, 'forwarding (IPv4)').catch(String)).toMatch(
    /test points could not be made/,
  )

  const well = await machine({
    'ip -json -4 address': '[{},{"ifname":"wan0","addr_info":[{"local":"198.51.100.10"}]}]',
    'ip -json -4 route': '[{"dst":"default"}]',
    'ip -json -6 route': '[]',
    'ss ': 'UNCONN 0 0 10.0.0.1:67 0.0.0.0:*\nUNCONN 0 0 10.0.1.1:6 0.0.0.0:*\n',
    'docker ps': ['kea', 'unbound', 'chrony', 'recorder']
      .map((name, i) => `i\trunning\tUp 1 second (${i === 0 ? 'unhealthy' : 'healthy'})\t${name}\thash`)
      .join('\n'),
    'sh -c': '4\n',
  })
  expect(await seen(well, desired, 'WAN address (IPv4)')).toBeUndefined()
  expect(await seen(well, desired, 'default route (IPv4)')).toBeUndefined()
  expect(await seen(well, desired, 'default route (IPv6)')).toBe('no default route by wan0')
  expect(await seen(well, desired, 'DHCP in home')).toBeUndefined()
  expect(await seen(well, desired, 'DHCP in guest')).toBe('nobody listens at 10.0.1.1 port 67')
  expect(await seen(well, desired, 'containers')).toBe(
    'dashboard is not there, kea is unhealthy, watch is not there',
  )
  expect(await seen(well, desired, 'forwarding (IPv4)')).toBeUndefined()
  expect(await seen(well, desired, 'forwarding (IPv6)')).toMatch(/^the kernel does not forward/)
})

it('does not take a route for a way when there is no cable', async () => {
  const host = await machine({ 'ip -json -4 route': '[{"dst":"default"}]' }, '0')
  expect(await seen(host, await lab(), 'default route (IPv4)')).toBe('wan0 has no carrier')
})
