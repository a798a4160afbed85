import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { type Lab, openLab } from '../../../src/lab/lab.ts'
import { count } from '../support/counts.ts'
import { editedYaml } from '../support/edit-yaml.ts'
import { machineState, stateDiff } from '../support/machine-state.ts'
import { applyYaml, baseline, baselineYaml } from '../support/router-yaml.ts'
import { duringTraffic, trafficTroubles } from '../support/traffic.ts'
import { writeUserModule } from './user-module.ts'

/* apply as design.md promises it: all or nothing, whatever happens on the way. */

let lab: Lab

beforeAll(async () => {
  lab = await openLab()
})
beforeEach(() => baseline(lab))
afterAll(() => baseline(lab))

const generations = async () => (await lab.router.execOk(['ls', '/etc/sekisho/generations'])).split('\n')
const plan = () => lab.router.exec(['sekisho', 'plan'])

/** Both networks reach the Internet over both families, at once or within `patience` milliseconds. */
async function expectForwarding(patience = 0): Promise<void> {
  for (const client of [lab.laptop, lab.guest1]) {
    for (const url of ['http://203.0.113.80/', 'http://[2001:db8:80::80]/']) {
      const fetched = () => client.exec(['curl', '-sSf', '--max-time', '3', url])
      await expect
        .poll(async () => ({ host: client.name, url, code: (await fetched()).code }), {
          timeout: patience + 1,
        })
        .toEqual({ host: client.name, url, code: 0 })
    }
  }
}

/** A router.yaml that changes the firewall, a reservation and so kea's and unbound's files. */
function otherYaml(): Promise<string> {
  return editedYaml(lab, (document) => {
    document.set('firewall', {
      allow: [{ from: 'guest', to: 'home', protocol: 'tcp', ports: [80] }],
      forwards: [{ port: 8443, to: '10.0.0.200' }],
    })
    document.setIn(
      ['networks', 'guest', 'dhcp', 'reservations'],
      [{ name: 'tv', mac: '02:00:5e:70:00:02', address: '10.0.1.77' }],
    )
  })
}

describe('nothing to do', () => {
  test('the same file twice changes nothing and says so', async () => {
    const [before, numbers] = [await machineState(lab.router), await generations()]
    const again = await lab.apply()
    expect(again).toMatchObject({ code: 0 })
    expect(again.stdout).toBe('Nothing to do: the machine is what router.yaml says.\n')
    expect(await plan()).toMatchObject({ code: 0, stdout: again.stdout })
    expect(await generations()).toEqual(numbers)
    expect(stateDiff(before, await machineState(lab.router))).toEqual([])
  })

  test('other comments and another order of keys are no change', async () => {
    const text = await editedYaml(lab, (document) => {
      const modules = document.get('modules')
      document.delete('modules')
      document.set('modules', modules)
      document.commentBefore = ' another comment'
    })
    expect(await applyYaml(lab, text)).toContain('Nothing to do')
  })
})

describe('a failure before the swap changes nothing', () => {
  test('an invalid file', async () => {
    const text = (await baselineYaml(lab))
      .replace('10.0.0.1/24', '10.0.0.1/33')
      .replace('mode: dhcp', 'mode: dhcpp')
    const [before, numbers] = [await machineState(lab.router), await generations()]
    await lab.writeRouterYaml(text)
    const { code, stderr } = await lab.apply()
    expect(code).toBe(1)
    expect(stderr).toMatch(/router\.yaml:\d+:\d+ wan\.mode: /)
    expect(stderr).toMatch(/router\.yaml:\d+:\d+ networks\.home\.address: /)
    expect(await generations()).toEqual(numbers)
    await lab.writeRouterYaml(await baselineYaml(lab))
    expect(stateDiff(before, await machineState(lab.router))).toEqual([])
  })

  test('a trust anchor that unbound cannot read', async () => {
    const text = await editedYaml(lab, (document) =>
      document.setIn(['modules', 'unbound', 'trust_anchor_file'], '/etc/sekisho/dns/broken.key'),
    )
    await lab.router.writeFile('/etc/sekisho/dns/broken.key', '. 3600 IN DNSKEY not a key\n')
    await lab.writeRouterYaml(text)
    const [before, numbers] = [await machineState(lab.router), await generations()]
    const { code, stderr } = await lab.apply()
    expect(code).toBe(1)
    expect(stderr).toContain('nothing was changed')
    expect(stderr).toMatch(/unbound.*(anchor|broken|trust)/i)
    expect(await generations()).toEqual(numbers)
    expect(stateDiff(before, await machineState(lab.router))).toEqual([])
    await lab.router.execOk(['rm', '/etc/sekisho/dns/broken.key'])
  })

  test('a trust anchor that does not exist', async () => {
    await lab.writeRouterYaml(
      await editedYaml(lab, (document) =>
        document.setIn(['modules', 'unbound', 'trust_anchor_file'], '/etc/sekisho/dns/nowhere.key'),
      ),
    )
    const [before, numbers] = [await machineState(lab.router), await generations()]
    const { code, stderr } = await lab.apply()
    expect(code).toBe(1)
    expect(stderr).toContain('nowhere.key')
    expect(await generations()).toEqual(numbers)
    expect(stateDiff(before, await machineState(lab.router))).toEqual([])
  })
})

describe('a failure after the swap', () => {
  test('a container that never gets well: the previous generation is back, with the reason', async () => {
    const folder = await writeUserModule(lab, 'sick', false)
    const before = await machineState(lab.router)
    const text = await editedYaml(lab, (document) => {
      document.setIn(['modules', 'sick'], { path: folder })
      document.set('firewall', { forwards: [{ port: 8443, to: '10.0.0.200' }] })
    })
    await lab.writeRouterYaml(text)
    const { code, stderr } = await lab.apply()
    expect(code).toBe(1)
    expect(stderr).toContain('sekisho-sick-1')
    expect(stderr).toContain('this one is never well')
    expect(stderr).toContain('Everything is as it was before.')
    await lab.writeRouterYaml(await baselineYaml(lab))
    expect(stateDiff(before, await machineState(lab.router))).toEqual([])
    expect(await plan()).toMatchObject({ code: 0 })
    expect((await lab.router.exec(['test', '-e', '/var/lib/sekisho/sick'])).code).toBe(1)
  })
})

describe('two at once', () => {
  test('the second waits, or refuses when it may not', async () => {
    await lab.writeRouterYaml(await otherYaml())
    const first = lab.router.spawn(['sekisho', 'apply'])
    await first.waitFor('becomes current')
    const impatient = await lab.apply(['--wait', '0'])
    expect(impatient.code).toBe(1)
    expect(impatient.stderr).toContain('another apply is running')
    const patient = await lab.apply()
    expect(await first.done).toBe(0)
    expect(patient.code).toBe(0)
    expect(patient.stdout).toContain('Nothing to do')
  })
})

describe('kill -9', () => {
  test.each(['checks the firewall', 'becomes current', 'replaces the firewall table', 'containers:'])(
    'after "%s": the router forwards on, and the next apply makes it whole',
    async (line) => {
      const before = await machineState(lab.router)
      await lab.writeRouterYaml(await otherYaml())
      const apply = lab.router.spawn(['sh', '-c', 'echo "pid $$" >&2; exec sekisho apply'])
      // The plan comes first, in the same words.
      await apply.waitFor(
        new RegExp(`${line}.*\n[\\s\\S]*${line === 'checks the firewall' ? '' : `${line}.*\n`}`),
      )
      const pid = /pid (\d+)/.exec(apply.output())?.[1] ?? ''
      await lab.router.execOk(['kill', '-KILL', pid])
      expect(await apply.done).not.toBe(0)
      await expectForwarding()

      const healed = await lab.apply()
      expect(healed).toMatchObject({ code: 0 })
      expect(await plan()).toMatchObject({ code: 0 })
      const rules = await lab.router.execOk(['nft', 'list', 'table', 'inet', 'sekisho'])
      expect(rules).toContain('8443')
      await expectForwarding()

      await baseline(lab)
      const same = ({ containers, ...rest }: typeof before) => ({
        ...rest,
        containers: containers.map((container) => container.replace(/^\S+ /, '')).sort(),
      })
      expect(stateDiff(same(before), same(await machineState(lab.router)))).toEqual([])
    },
  )
})

describe('what was changed by hand is seen by plan and mended by apply', () => {
  const drifts: Record<string, readonly [command: string, says: RegExp]> = {
    'an edited generated file': ['echo "# mine" >>/etc/sekisho/current/sekisho.nft', /sekisho\.nft/],
    "an edited file of a module's": [
      'echo "# mine" >>/etc/sekisho/current/modules/kea/kea-dhcp4.conf',
      /kea-dhcp4\.conf/,
    ],
    'the firewall table deleted': ['nft delete table inet sekisho', /firewall table, which is missing/],
    'a rule added to our table': [
      'nft add rule inet sekisho input tcp dport 9 accept',
      /firewall table, which was changed by hand/,
    ],
    'a container stopped': ['docker stop -t 1 sekisho-chrony-1', /chrony is exited/],
    'a container removed': ['docker rm -f sekisho-chrony-1', /chrony is not there/],
    'a link to a generated file removed': [
      'rm /etc/systemd/network/10-sekisho-home.network',
      /10-sekisho-home\.network/,
    ],
    'a generated file replaced by another': [
      'rm /etc/sysctl.d/90-sekisho.conf && echo >/etc/sysctl.d/90-sekisho.conf',
      /90-sekisho\.conf/,
    ],
    'a kernel setting changed': [
      'sysctl -qw net.netfilter.nf_conntrack_udp_timeout_stream=30',
      /nf_conntrack_udp_timeout_stream/,
    ],
    'forwarding switched off': ['sysctl -qw net.ipv4.ip_forward=0', /forwarded/],
    'a unit stopped': ['systemctl stop sekishod', /sekishod/],
    'our part taken out of /etc/hosts': ['sed -i /127.0.1.1/d /etc/hosts', /\/etc\/hosts/],
    'the bridge of a network deleted': ['ip link delete br-home', /br-home/],
    'the address of a network removed': ['ip address flush dev lan1 scope global', /lan1/],
  }
  test.each(Object.entries(drifts))('%s', async (_, [command, says]) => {
    await lab.router.execOk(['sh', '-c', command])
    const seen = await plan()
    expect(seen).toMatchObject({ code: 2 })
    expect(seen.stdout).toMatch(says)
    expect(await lab.apply()).toMatchObject({ code: 0 })
    expect(await plan()).toMatchObject({ code: 0, stdout: expect.stringContaining('Nothing to do') })
    await expectForwarding(20_000)
  })
})

test('after another release was installed, apply makes the host agent run it', async () => {
  const release = (await lab.router.execOk(['readlink', '/opt/sekisho/current'])).trim()
  const use = (name: string) => lab.router.execOk(['ln', '-sfn', name, '/opt/sekisho/current'])
  onTestFinished(async () => {
    await use(release)
    await lab.router.execOk(['rm', '-rf', '/opt/sekisho/9.9.9-test'])
  })
  await lab.router.execOk(['cp', '-al', `/opt/sekisho/${release}`, '/opt/sekisho/9.9.9-test'])
  await use('9.9.9-test')
  const agent = async () => {
    const pid = await lab.router.execOk(['systemctl', 'show', '-P', 'MainPID', 'sekishod'])
    return lab.router.execOk(['readlink', `/proc/${pid.trim()}/exe`])
  }
  expect(await agent()).toContain(release)
  expect(await plan()).toMatchObject({
    code: 2,
    stdout: expect.stringContaining('restarts sekishod.service, which runs the release before'),
  })
  expect(await lab.apply()).toMatchObject({ code: 0 })
  expect(await agent()).toContain('9.9.9-test')
  expect(await plan()).toMatchObject({ code: 0 })
})

describe('many applies', () => {
  const times = count(3, 20)
  const alternately = async (...texts: readonly string[]) => {
    for (let i = 0; i < times; i += 1) {
      const said = await applyYaml(lab, texts[i % texts.length] ?? '')
      expect(said).toContain('is in use and confirmed')
    }
  }

  test(
    `${times} applies of other rules and modules drop no connection and leave no question unanswered`,
    async () => {
      const folder = await writeUserModule(lab, 'well', true)
      const rules = await editedYaml(lab, (document) => {
        document.set('firewall', { forwards: [{ port: 8443, to: '10.0.0.7' }] })
        document.setIn(['modules', 'well'], { path: folder })
      })
      const report = await duringTraffic(lab, async () => alternately(rules, await baselineYaml(lab)))
      expect(trafficTroubles(report, 1000)).toEqual([])
      expect(report.nat.rounds).toBeGreaterThan(20 * times)
    },
    120_000 + 30_000 * times,
  )

  test(
    `${times} applies of other reservations drop no connection, and names pause while unbound restarts`,
    async () => {
      const one = await baselineYaml(lab)
      const two = await otherYaml()
      const { name, ownName, ...rest } = await duringTraffic(lab, () => alternately(two, one))
      expect(trafficTroubles(rest, 1000)).toEqual([])
      for (const { pauseMs } of [name, ownName]) expect(pauseMs).toBeLessThan(6000)
    },
    120_000 + 30_000 * times,
  )
})
