import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { FakeMachine } from '../../../tests/fake-machine.ts'
import { RouterConfig } from '../../config/schema.ts'
import { normalise } from '../normalise.ts'
import { findSshSession, wouldCut } from './ssh.ts'

const roots: string[] = []
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true, force: true })
})

function router(firewall: unknown = {}, wan: object = { mode: 'dhcp' }) {
  return normalise(
    RouterConfig.parse({
      version: 1,
      hostname: 'gate',
      wan: { interface: 'wan0', ...wan },
      networks: {
        home: { interfaces: ['lan0', 'lan1'], address: '10.0.0.1/24' },
        guest: { interfaces: ['lan2'], address: '10.0.1.1/24', router_access: ['ping'] },
      },
      firewall,
    }),
  )
}

describe('wouldCut', () => {
  it.each([
    ['home keeps its address', '10.0.0.1', 22, 'lan0', {}, undefined],
    ['home gets another address', '192.0.2.7', 22, 'lan0', {}, /home has the address 10\.0\.0\.1/],
    ['another port than SSH is let in on', '10.0.0.1', 2222, 'lan0', {}, /not let in/],
    ['a guest network lets no SSH in', '10.0.1.1', 22, 'lan2', {}, /guest.*not let in/],
    ['the WAN lets nothing in', '198.51.100.10', 22, 'wan0', {}, /WAN/],
    [
      'the WAN by a rule',
      '198.51.100.10',
      22,
      'wan0',
      { allow: [{ from: 'wan', to: 'router', protocol: 'tcp', ports: [22] }] },
      undefined,
    ],
    ['a port that is nobody’s', '192.0.2.9', 22, 'eth9', {}, /no network/],
    ['a link-local address moves to the bridge', 'fe80::1', 22, 'lan0', {}, /has the address/],
    ['loopback', '127.0.0.1', 22, 'lo', {}, undefined],
  ])('%s', (_, address, port, device, firewall, expected) => {
    const cut = wouldCut({ address, port, device }, router(firewall))
    if (expected === undefined) expect(cut).toBeUndefined()
    else expect(cut).toMatch(expected)
  })
})

it('would cut a session on a port that gets PPPoE, and not one that came in by PPPoE', () => {
  const wan = { mode: 'pppoe', username: 'u', password_file: '/p' }
  const firewall = { allow: [{ from: 'wan', to: 'router', protocol: 'tcp', ports: [22] }] }
  const session = { address: '198.51.100.10', port: 22 }
  expect(wouldCut({ ...session, device: 'wan0' }, router(firewall, wan))).toMatch(/carries PPPoE alone/)
  expect(wouldCut({ ...session, device: 'ppp-wan' }, router(firewall, wan))).toBeUndefined()
})

describe('findSshSession', () => {
  it('looks behind sudo, which hides SSH_CONNECTION', async () => {
    const root = mkdtempSync(join(tmpdir(), 'sekisho-ssh-'))
    roots.push(root)
    const { host } = new FakeMachine(root, {
      files: {
        '/proc/30/environ': 'HOME=/root\0SUDO_USER=a\0',
        '/proc/30/stat': '30 (node) S 20 30 1',
        '/proc/20/environ': 'HOME=/home/a\0SSH_CONNECTION=192.0.2.1 50000 10.0.0.1 22\0',
        '/proc/20/stat': '20 (b) ) x) S 1 1 1',
      },
    })
    expect(await findSshSession(host, 30)).toMatchObject({ address: '10.0.0.1', port: 22 })
    expect(await findSshSession(host, 99)).toBeUndefined()
  })
})
