import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import type { Lab } from '../../src/lab/lab.ts'
import { SERVERS } from '../../src/lab/topology.ts'
import { Bras } from '../../src/lab/vm/bras.ts'
import type { VmMachine } from '../../src/lab/vm/vm-machine.ts'
import { type PppSession, parsePppSession } from '../../src/router/ppp-session.ts'
import { count } from '../lab/support/counts.ts'
import { applyYaml } from '../lab/support/router-yaml.ts'
import { CUSTOMER, forgetConcentrator, startConcentrator } from './support/concentrator.ts'
import { openVm, PATIENCE_MS, untilHealthy } from './support/vm.ts'

/*
 * A WAN with PPPoE against a real access concentrator: pppoe-server with CHAP, IPv6CP and DHCPv6-PD in a small virtual
 * machine between the router and its provider.
 */

const MTU = 1454
const PASSWORD_FILE = '/etc/sekisho/secrets/pppoe'

let lab: Lab
let router: VmMachine
let bras: Bras
beforeAll(async () => {
  ;({ lab, router } = await openVm())
  bras = new Bras(lab.places, lab.state)
  await bras.start()
  await startConcentrator(lab, bras)
}, PATIENCE_MS)
afterAll(async () => {
  await bras?.stop()
  if (lab) await forgetConcentrator(lab)
})

async function pppoeYaml(): Promise<string> {
  const file = parse(await lab.defaultYaml())
  const wan = {
    mode: 'pppoe',
    interface: 'wan0',
    username: CUSTOMER.username,
    password_file: PASSWORD_FILE,
    mtu_bytes: MTU,
    lcp_echo_secs: 1,
    lcp_echo_failures: 3,
  }
  return stringify({ ...file, wan })
}

/** What pppoe.sh and pppd say of the session now. */
async function session(): Promise<PppSession | undefined> {
  const { stdout } = await router.exec(['cat', '/run/sekisho/ppp/session'])
  return parsePppSession(stdout)
}

/** Waits until `look` gives something other than undefined; throws with what the session was doing otherwise. */
async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await sleep(300)) {
    const found = await look()
    if (found !== undefined) return found
  }
  const journal = await router.exec([
    'journalctl',
    '-u',
    'sekisho-pppoe',
    '-n',
    '20',
    '--no-pager',
    '-o',
    'cat',
  ])
  throw new Error(
    `${what}: not within ${PATIENCE_MS / 1000} s; ${JSON.stringify(await session())}\n${journal.stdout}`,
  )
}

function sessionUp(since = ''): Promise<PppSession> {
  return until('a session', async () => {
    const now = await session()
    return now?.state === 'up' && now.since !== since ? now : undefined
  })
}

async function browses(family: 4 | 6): Promise<string> {
  const address = family === 4 ? SERVERS.www.v4 : `[${SERVERS.www.v6}]`
  return until(`IPv${family} from laptop`, async () => {
    const { stdout } = await lab.laptop.exec(['curl', `-${family}sS`, '-m', '5', `http://${address}/`])
    return /You are (\S+)\./.exec(stdout)?.[1]
  })
}

/**
 * Packets refused because they came in by the port itself: by the kernel, which has no address there and so no way back
 * (rp_filter), or else by our table.
 */
async function refusedAtPort(): Promise<number> {
  const chain = await router.execOk(['nft', 'list', 'chain', 'inet', 'sekisho', 'drop_wan_port'])
  const ours = /counter packets (\d+) .*IP beside the PPPoE session/.exec(chain)?.[1]
  const kernel = /TcpExtIPReversePathFilter +(\d+)/.exec(
    await router.execOk(['nstat', '-asz', 'TcpExtIPReversePathFilter']),
  )?.[1]
  return Number(ours) + Number(kernel)
}

/** The longest segments that both ends of connections named while `action` ran, as the provider saw them. */
async function segmentSizes(action: () => Promise<unknown>): Promise<number[]> {
  const capture = await lab.isp.capture('any', 'tcp[tcpflags] & tcp-syn != 0 or (ip6 and ip6[6] == 6)')
  await action()
  const lines = await capture.stop({ settleMs: 1000 })
  return lines.flatMap((line) => [...(/\[S\.?\].*\bmss (\d+)/.exec(line)?.slice(1) ?? [])].map(Number))
}

describe('a WAN with PPPoE', () => {
  test('a wrong password is told clearly, and tried again with longer pauses', async () => {
    await router.writeFile(PASSWORD_FILE, 'wrong\n', '0400')
    // A WAN that does not come up would be undone.
    const said = await applyYaml(lab, await pppoeYaml(), ['--no-health'])
    expect(said).toContain('starts sekisho-pppoe.service')
    const first = await until('a refusal', async () => {
      const now = await session()
      return now?.state === 'waiting' && now.problem?.includes('refused the user name or the password')
        ? now
        : undefined
    })
    const second = await until('another try', async () => {
      const now = await session()
      return now?.state === 'waiting' && now.failures > first.failures ? now : undefined
    })
    expect(second.retrySecs ?? 0).toBeGreaterThan(first.retrySecs ?? 0)
    await expect
      .poll(() => router.exec(['sekisho', 'status']), { timeout: PATIENCE_MS })
      .toMatchObject({
        code: 3,
        stdout: expect.stringMatching(/! +PPPoE +\w+ .*the provider refused the user name or the password/),
      })
  })

  test('the right one is taken at the next try, whatever signs it holds, and shows nowhere', async () => {
    await router.writeFile(PASSWORD_FILE, `${CUSTOMER.password}\n`, '0400')
    const up = await sessionUp()
    expect(up).toMatchObject({ peer: CUSTOMER.peer, dns: ['198.51.100.53'] })
    expect(up.local).toMatch(/^192\.0\.2\.\d+$/)
    const { stdout } = await router.exec([
      'sh',
      '-c',
      'cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ /etc/sekisho/current/pppoe* /run/sekisho/ppp/*; journalctl --no-pager',
    ])
    expect(stdout).toContain(CUSTOMER.first.slice(0, 8))
    expect(stdout).not.toContain(CUSTOMER.password.slice(3, 9))
  })

  test('laptop browses over both, through the delegated prefix', async () => {
    const { local } = await sessionUp()
    expect(await browses(4)).toBe(local)
    expect(await browses(6)).toMatch(/^2001:db8:200:1:/)
    const { stdout } = await lab.laptop.exec(['dig', '+short', '+time=5', 'www.example.org'], {
      timeout: 60_000,
    })
    expect(stdout).toContain(SERVERS.www.v4)
  })

  test('connections are told how narrow the session is, both ways', async () => {
    const link = await router.execOk(['ip', 'link', 'show', 'ppp-wan'])
    expect(link).toContain(`mtu ${MTU} `)
    const sizes = await segmentSizes(async () => {
      await browses(4)
      await browses(6)
    })
    expect(sizes).toContain(MTU - 40)
    expect(sizes).toContain(MTU - 60)
    const inwards = await lab.laptop.capture('eth0', `tcp[tcpflags] & (tcp-syn|tcp-ack) == (tcp-syn|tcp-ack)`)
    await browses(4)
    expect((await inwards.stop({ settleMs: 1000 })).join('\n')).toContain(`mss ${MTU - 40}`)
    const fetch = 'curl -4sS -m 60 -r 0-200000 -o /dev/null -w %{size_download}'.split(' ')
    const big = await lab.laptop.execOk([...fetch, `http://${SERVERS.www.v4}/big`])
    expect(big).toBe('200001')
  })

  test('the port below carries nothing else', async () => {
    await bras.execOk(['ip', 'address', 'add', '10.0.0.77/24', 'dev', 'line'])
    const asked = await bras.exec(['ping', '-c', '1', '-W', '2', '10.0.0.1'])
    expect(asked.code, 'no address is told').not.toBe(0)
    await bras.execOk([
      'ip',
      'neighbour',
      'replace',
      '10.0.0.1',
      'lladdr',
      '02:00:5e:10:00:01',
      'dev',
      'line',
    ])
    const before = await refusedAtPort()
    const sent = await bras.exec(['ping', '-c', '2', '-W', '2', '10.0.0.1'])
    expect(sent.code).not.toBe(0)
    expect(await refusedAtPort()).toBeGreaterThanOrEqual(before + 2)
    await bras.execOk(['ip', 'address', 'delete', '10.0.0.77/24', 'dev', 'line'])
  })

  test('a session that the provider ends is built anew', async () => {
    const { since = '' } = await sessionUp()
    // pppoe says goodbye with a PADT (RFC 2516 section 5.5).
    await bras.execOk(['pkill', '-x', 'pppoe'])
    const { local } = await sessionUp(since)
    expect(await browses(4)).toBe(local)
    expect(await browses(6)).toMatch(/^2001:db8:200:1:/)
  })

  test('a line that is cut further away is noticed by the missing echo, and mended', async () => {
    const { since = '' } = await sessionUp()
    await bras.setLine(false)
    const down = await until('the end of the session', async () => {
      const now = await session()
      return now !== undefined && now.state !== 'up' && now.problem !== undefined ? now : undefined
    })
    expect(down.problem).toMatch(/no sign of life|no access concentrator answered/)
    await bras.setLine(true)
    const { local } = await sessionUp(since)
    expect(await browses(4)).toBe(local)
  })

  test('a cable that comes back is used at once', async () => {
    const { since = '' } = await sessionUp()
    await router.setCarrier('wan0', false)
    await until('no carrier', async () => ((await session())?.state === 'no-carrier' ? true : undefined))
    await router.setCarrier('wan0', true)
    const { local } = await sessionUp(since)
    expect(await browses(4)).toBe(local)
  })

  // Two boots of an emulated machine take longer than all the rest.
  test.for(Array.from({ length: count(0, 1) }))(
    'comes up at boot, without Docker and without Node',
    async () => {
      const parameters = ['docker.service', 'docker.socket', 'sekishod.service'].map(
        (unit) => `systemd.mask=${unit}`,
      )
      await router.restart({ how: 'power-cut', parameters })
      const { local } = await sessionUp()
      expect(await browses(4)).toBe(local)
      expect((await router.exec(['pgrep', 'dockerd|node'])).stdout).toBe('')
      await router.restart()
      await sessionUp()
      await untilHealthy(lab)
    },
  )

  test('plan has nothing to do; the way back to DHCP leaves nothing', async () => {
    const plan = await router.exec(['sekisho', 'plan'], { timeout: PATIENCE_MS })
    expect(plan.stdout).toContain('Nothing to do')
    await bras.stop()
    await forgetConcentrator(lab)
    await applyYaml(lab, await lab.defaultYaml())
    await until('an address by DHCP', async () => {
      const { stdout } = await router.exec(['ip', '-4', '-br', 'address', 'show', 'wan0'])
      return stdout.includes('198.51.100.10/24') ? true : undefined
    })
    const left = await router.execOk([
      'sh',
      '-c',
      'ls -d /run/sekisho/ppp /etc/systemd/system/sekisho-pppoe.service /sys/class/net/ppp-wan 2>/dev/null; cat /proc/sys/net/ipv4/conf/wan0/arp_ignore; ip route show default',
    ])
    expect(left).toMatch(/^0\ndefault via 198\.51\.100\.1 dev wan0 [^\n]*\n$/)
  })
})
