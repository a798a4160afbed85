import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { ensureBundle } from '../../src/build/bundle.ts'
import { down } from '../../src/lab/down.ts'
import { configureRouter, installBundle } from '../../src/lab/install-router.ts'
import type { Lab } from '../../src/lab/lab.ts'
import { labPlaces } from '../../src/lab/places.ts'
import { up } from '../../src/lab/up.ts'
import { writeUserModule } from '../lab/lifecycle/user-module.ts'
import { baselineYaml } from '../lab/support/router-yaml.ts'
import { differences, type Look, lookAt } from '../lab/support/whole-machine.ts'

/*
 * A Debian machine that was something else becomes a router: what would fight us is set aside, and given back when
 * the first apply fails. The tests follow each other on one machine of their own, from bare to router.
 */

const places = labPlaces(`${labPlaces().id}-take`)
let lab: Lab

beforeAll(async () => {
  const onProgress = () => {}
  lab = await up({ places, bare: true, onProgress })
  await installBundle(lab.router, await ensureBundle(), onProgress)
  await configureRouter(lab)
})
afterAll(() => down(places))

const sh = (script: string) => lab.router.execOk(['sh', '-c', script])
const plan = () => lab.router.exec(['sekisho', 'plan'])
const look = () => lookAt(lab.router)

/** Programs that would fight us, as units that do nothing. */
const FAKES = ['ufw', 'NetworkManager', 'dnsmasq'] as const

const unitText = (exec: string, type = 'oneshot') =>
  `[Service]\nType=${type}\nRemainAfterExit=yes\nExecStart=${exec}\n\n[Install]\nWantedBy=multi-user.target\n`

async function expectNothingChanged(act: () => Promise<void>): Promise<void> {
  const before = await look()
  await act()
  expect(differences(before, await look())).toEqual([])
}

describe('plan', () => {
  test('a Debian server as its installer leaves it', async () => {
    const { code, stdout } = await plan()
    expect(code).toBe(2)
    expect(stdout).toContain('takes wan0 out of /etc/network/interfaces')
    expect(stdout).toMatch(/stops dhcpcd \(process \d+\): networkd asks for the address of wan0 from now on/)
    expect(stdout).toContain('disables systemd-timesyncd.service: a module of ours serves port 123')
    expect(stdout).toContain('enables systemd-networkd.service')
    // Docker was the one to switch forwarding on.
    expect(stdout).toContain('sets the policy of ip filter FORWARD from drop to accept')
    expect(stdout).toContain(
      'replaces /etc/resolv.conf; what is there now is kept in /etc/sekisho/saved/files/etc/resolv.conf',
    )
    for (const absent of ['nftables.service', 'ufw', 'NetworkManager', 'netplan'])
      expect(stdout).not.toContain(absent)
  })

  test("another's default deny is named; the fix that is named mends it", async () => {
    await sh(
      'nft "add table inet mine; add chain inet mine in_between { type filter hook forward priority 0; policy drop; }"',
    )
    const { code, stdout } = await plan()
    expect(code).toBe(1)
    expect(stdout).toContain('the chain inet mine in_between has the policy drop')
    await sh(/Fix: .*, then (nft .*)/.exec(stdout)?.[1] ?? 'false')
    expect(await plan()).toMatchObject({ code: 2 })
  })

  test('firewalls and managers that were set up since', async () => {
    for (const name of FAKES)
      await lab.router.writeFile(`/etc/systemd/system/${name}.service`, unitText('true'))
    await sh(`systemctl daemon-reload && systemctl enable --now nftables ${FAKES.join(' ')}`)
    // As the Docker of a machine in use would be after the flush that nftables.service is.
    await sh('systemctl restart docker && iptables -P FORWARD DROP')
    await lab.router.writeFile('/etc/netplan/50-lab.yaml', 'network: { version: 2 }\n', '0600')
    await lab.router.writeFile(
      '/etc/systemd/network/05-mine.network',
      '[Match]\nName=lan0\n\n[Network]\nDHCP=yes\n',
    )
    const { code, stdout } = await plan()
    expect(code).toBe(2)
    for (const name of ['nftables', ...FAKES]) expect(stdout).toContain(`disables ${name}.service: `)
    expect(stdout).toContain('sets the policy of ip filter FORWARD from drop to accept')
    expect(stdout).toContain('moves /etc/netplan/50-lab.yaml to /etc/sekisho/saved')
    expect(stdout).toContain('moves /etc/systemd/network/05-mine.network to /etc/sekisho/saved')
  })
})

describe('refused, and nothing is changed', () => {
  test('a program that is unknown to us holds port 53; the fix that is named mends it', async () => {
    await lab.router.writeFile(
      '/etc/systemd/system/stray.service',
      unitText('systemd-socket-activate --datagram --listen=53 cat', 'simple'),
    )
    await sh('systemctl daemon-reload && systemctl enable --now stray && sleep 0.5')
    await expectNothingChanged(async () => {
      const { code, stderr } = await lab.apply()
      expect(code).toBe(1)
      expect(stderr).toContain('this machine is not ready')
      expect(stderr).toMatch(/systemd-socket-\w* \(process \d+\) holds udp port 53 of \*\./)
      expect(stderr).toContain('Nothing was changed.')
    })
    const { code, stdout } = await plan()
    expect(code).toBe(1)
    const fix = /Fix: (systemctl .*)/.exec(stdout)?.[1] ?? ''
    expect(fix).toBe('systemctl disable --now stray.service')
    await sh(fix)
    expect(await plan()).toMatchObject({ code: 2 })
  })

  test.each([
    ['no JSON', '{"iptables": ', 'is not a JSON object'],
    ['a setting that Docker does not know', '{"sekisho-test": 1}\n', "Docker's settings"],
  ])('a daemon.json with %s', async (_, text, says) => {
    await lab.router.writeFile('/etc/docker/daemon.json', text)
    await expectNothingChanged(async () => {
      const { code, stderr } = await lab.apply()
      expect(code).toBe(1)
      expect(stderr).toContain(says)
      expect(stderr).toContain('Nothing was changed.')
    })
    await sh('rm /etc/docker/daemon.json')
  })

  test('systemd-networkd is masked', async () => {
    await sh('systemctl mask systemd-networkd')
    const { code, stderr } = await lab.apply()
    await sh('systemctl unmask systemd-networkd')
    expect(code).toBe(1)
    expect(stderr).toContain('systemd-networkd.service is masked')
    expect(stderr).toContain('Fix: systemctl unmask systemd-networkd.service')
  })

  test('it would end the SSH session that runs it', async () => {
    const { attacker } = lab
    await attacker.execOk(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', '/root/key'])
    const key = await attacker.execOk(['cat', '/root/key.pub'])
    await lab.router.writeFile('/root/.ssh/authorized_keys', key, '0600')
    await expectNothingChanged(async () => {
      const ssh = 'ssh -i /root/key -o BatchMode=yes -o StrictHostKeyChecking=no root@198.51.100.10'
      // A shell in between, as with sudo.
      const remote = 'env -u SSH_CONNECTION -u SSH_CLIENT sekisho apply; exit $?'
      const { code, stderr } = await attacker.exec([...ssh.split(' '), remote])
      expect(code).toBe(1)
      expect(stderr).toContain('this SSH session comes in on 198.51.100.10 (wan0)')
      expect(stderr).toContain('use --force')
      expect(stderr).toContain('Nothing was changed.')
    })
  })
})

describe('the first apply fails after the swap, and the machine is given back', () => {
  const env = { SSH_CONNECTION: '198.51.100.66 50000 198.51.100.10 22' }
  const wanAddress = () => sh('ip -o -4 address show dev wan0')

  /** wan0 is ifupdown's and its DHCP client's again, at once and after the next renewal. */
  async function expectGivenBack(before: Look, passing = /^$/): Promise<void> {
    const left = async () => differences(before, await look()).filter((line) => !passing.test(line))
    await expect.poll(left, { timeout: 15_000, interval: 500 }).toEqual([])
    expect(await wanAddress()).toContain('inet 198.51.100.10/24')
    expect(await sh('pgrep -x -f "dhcpcd: wan0 .*"')).not.toBe('')
    await sh('dhcpcd --rebind wan0 && sleep 1')
    expect(await wanAddress()).toContain('inet 198.51.100.10/24')
    expect(await sh('curl -4sSf --max-time 5 http://www.example.org/')).toContain('198.51.100.10')
    expect(await sh('hostname')).toBe('debian\n')
  }

  test('soon: systemd-networkd does not start', async () => {
    const dropIn = '/etc/systemd/system/systemd-networkd.service.d/broken.conf'
    await lab.router.writeFile(dropIn, '[Service]\nExecStartPre=false\n')
    await sh('systemctl daemon-reload')
    onTestFinished(async () => {
      await sh(`rm -r ${dropIn.replace(/\/[^/]*$/, '')} && systemctl daemon-reload`)
      await sh('systemctl reset-failed systemd-networkd')
    })
    const before = await look()
    const { code, stderr } = await lab.apply()
    expect(code).toBe(1)
    expect(stderr).toContain('systemctl enable --now systemd-networkd.service failed')
    expect(stderr).toContain('Everything is as it was before.')
    await expectGivenBack(before)
  })

  test('late: a container is never well; --force goes on though a session ends', async () => {
    const folder = await writeUserModule(lab, 'sick', false)
    await lab.writeRouterYaml(await baselineYaml(lab, `  sick: { path: ${folder} }\n`))
    onTestFinished(async () => lab.writeRouterYaml(await baselineYaml(lab)))
    const before = await look()
    const argv = ['sh', '-c', 'sekisho apply --force; exit $?']
    const { code, stderr } = await lab.router.exec(argv, { env, timeout: 200_000 })
    expect(code).toBe(1)
    expect(stderr).toContain('generation 1 becomes current')
    expect(stderr).toContain('this one is never well')
    expect(stderr).toContain('Everything is as it was before.')
    await expectGivenBack(before)
  })

  test('or cannot fail any more: the power goes, and boot gives it back', async () => {
    /** Docker and the provider's lease are there some seconds after a boot; nothing is left to be undone. */
    const settled = async () => {
      const script =
        'test ! -e /etc/sekisho/first-apply.json && docker info >/dev/null && ip -o -4 address show dev wan0'
      await expect
        .poll(() => lab.router.exec(['sh', '-c', script]), { timeout: 60_000, interval: 500 })
        .toMatchObject({ code: 0, stdout: expect.stringContaining('inet 198.51.100.10/24') })
    }
    await lab.restartRouter()
    await settled()
    const before = await look()
    const apply = lab.router.spawn(['sekisho', 'apply'])
    await apply.waitFor('containers:')
    await lab.restartRouter({ how: 'power-cut' })
    await apply.stop()
    await settled()
    // The generation is history now, and looks leave the images out that one needs. dhcpcd opens its port as it renews.
    await expectGivenBack(before, /^dockerStore: - sekisho\/|^sockets: . udp 198\.51\.100\.10:68$/)
  })
})

test('apply sets them aside, and writes down what it took', async () => {
  const interfaces = await sh('cat /etc/network/interfaces')
  const resolvConf = await sh('cat /etc/resolv.conf')
  const { code, stdout } = await lab.apply()
  expect({ code, said: stdout.trim().split('\n').at(-1) }).toEqual({
    code: 0,
    // The one that a power cut undid is history.
    said: 'Done: generation 2 is in use and confirmed.',
  })

  const record = Record.parse(JSON.parse(await sh('cat /etc/sekisho/takeover.json')))
  const units = record.done.flatMap((action) =>
    'unit' in action ? [[action.kind, action.unit, action.wasEnabled, action.wasActive]] : [],
  )
  expect(units).toEqual(
    expect.arrayContaining([
      ...['nftables', ...FAKES].map((name) => ['disable-unit', `${name}.service`, true, true]),
      // It is for machines with a clock of their own, and does not run in this one.
      ['disable-unit', 'systemd-timesyncd.service', true, false],
      ['enable-unit', 'systemd-networkd.service', false, false],
    ]),
  )
  expect(record.done).toContainEqual(
    expect.objectContaining({ kind: 'ifupdown', path: '/etc/network/interfaces', before: interfaces }),
  )

  const off = ['nftables', 'systemd-timesyncd', ...FAKES].map((name) => `${name}.service`).join(' ')
  expect(await sh(`systemctl is-enabled ${off} || :`)).toMatch(/^(disabled\n){5}$/)
  expect(await sh(`systemctl is-active ${off} || :`)).toMatch(/^(inactive\n){5}$/)
  expect(await sh('cat /etc/network/interfaces')).toMatch(/^#sekisho# iface wan0 inet dhcp$/m)
  expect(await sh('pgrep -x dhcpcd || :')).toBe('')
  expect(await sh('networkctl status wan0')).toContain('10-sekisho-wan.network')

  for (const path of ['/etc/netplan/50-lab.yaml', '/etc/systemd/network/05-mine.network']) {
    expect((await lab.router.exec(['test', '-e', path])).code).toBe(1)
    await sh(`test -f /etc/sekisho/saved/takeover${path}`)
  }
  expect(await sh('readlink /etc/resolv.conf')).toMatch(/sekisho/)
  expect(await sh('cat /etc/resolv.conf')).toMatch(/^nameserver 127\.0\.0\.1\nnameserver 198\.51\.100\.53$/m)
  expect(await sh('cat /etc/sekisho/saved/files/etc/resolv.conf')).toBe(resolvConf)

  expect(record.done).toContainEqual(
    expect.objectContaining({
      kind: 'accept-policy',
      chain: { family: 'ip', table: 'filter', name: 'FORWARD' },
    }),
  )
  expect(await sh('iptables -S FORWARD')).toContain('-P FORWARD ACCEPT')

  expect(await plan()).toMatchObject({ code: 0 })
})

const Record = z.object({
  version: z.literal(1),
  done: z.array(
    z.union([
      z.object({ kind: z.string(), unit: z.string(), wasEnabled: z.boolean(), wasActive: z.boolean() }),
      z.object({ kind: z.literal('ifupdown'), path: z.string(), before: z.string() }),
      z.looseObject({ kind: z.string() }),
    ]),
  ),
})
