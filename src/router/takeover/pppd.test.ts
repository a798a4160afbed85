import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { createHost, type Exec } from '../host.ts'
import { pppdBlockers } from './pppd.ts'

const roots: string[] = []
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true, force: true })
})

const PEER = `# Configuration file for PPP, as pppoeconf writes it
noipdefault
plugin rp-pppoe.so eth0
user "user@isp.example"
`

/** What is in the way of eth0 and eth1 on a machine with these files and processes. */
function blockers(
  files: Readonly<Record<string, string>>,
  processes: Readonly<Record<string, { argv: readonly string[]; cgroup?: string; network?: string }>> = {},
): Promise<string[]> {
  const root = mkdtempSync(join(tmpdir(), 'sekisho-pppd-'))
  roots.push(root)
  const put = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  for (const [path, text] of Object.entries(files)) put(path, text)
  const link = (pid: string, network: string) => {
    mkdirSync(join(root, `proc/${pid}/ns`), { recursive: true })
    symlinkSync(network, join(root, `proc/${pid}/ns/net`))
  }
  link('self', 'net:[1]')
  for (const [pid, { argv, cgroup = '0::/system.slice/x.service', network = 'net:[1]' }] of Object.entries(
    processes,
  )) {
    put(`proc/${pid}/cmdline`, argv.map((word) => `${word}\0`).join(''))
    put(`proc/${pid}/cgroup`, cgroup)
    link(pid, network)
  }
  const exec: Exec = async () => ({ code: 127, stdout: '', stderr: '' })
  return pppdBlockers(createHost({ root, exec, durable: false }), new Set(['eth0', 'eth1']))
}

it("finds pppoeconf's session and its line in the interfaces file", async () => {
  const interfaces = 'auto dsl-provider\niface dsl-provider inet ppp\n  provider dsl-provider\n'
  const files = { 'etc/ppp/peers/dsl-provider': PEER, 'etc/network/interfaces': interfaces }
  expect(await blockers(files, { 7: { argv: ['/usr/sbin/pppd', 'call', 'dsl-provider'] } })).toEqual([
    'pppd (process 7) has a session on eth0 already. Fix: end it with "kill 7"',
    '/etc/network/interfaces starts pppd on eth0 (provider dsl-provider). Fix: take those lines out, or put "#" before them',
  ])
})

it('knows a port in its own words', async () => {
  for (const port of ['eth1', 'nic-eth1', '/dev/eth1'])
    expect(await blockers({}, { 9: { argv: ['pppd', 'plugin', 'pppoe.so', port] } })).toHaveLength(1)
})

it.each([
  ['our own session', { argv: ['pppd', 'nic-eth0'], cgroup: '0::/system.slice/sekisho-pppoe.service' }],
  ['one on another port', { argv: ['pppd', 'call', 'other'] }],
  ['one in a container', { argv: ['pppd', 'nic-eth0'], network: 'net:[2]' }],
  ['what only speaks of it', { argv: ['grep', 'pppd', 'eth0'] }],
])('leaves %s alone', async (_, process) => {
  const files = {
    'etc/ppp/peers/other': 'plugin pppoe.so nic-eth9 # not eth0\n',
    'etc/network/interfaces': 'iface other inet ppp\n  provider other\n#  provider dsl-provider\n',
  }
  expect(await blockers(files, { 7: process })).toEqual([])
})
