import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Lab, openLab } from '../../../src/lab/lab.ts'
import { count } from '../support/counts.ts'
import { applyYaml, baseline, baselineYaml, SERVICES } from '../support/router-yaml.ts'
import { duringTraffic, trafficTroubles } from '../support/traffic.ts'

/* Forwarding, names and leases do not need dockerd; it comes and goes, and takes none of our rules along. */

let lab: Lab

beforeAll(async () => {
  lab = await openLab()
  await baseline(lab)
})
// systemd starts a unit three times a minute and no oftener; each test begins to count anew.
beforeEach(() => lab.router.execOk(['systemctl', 'reset-failed', 'docker.service', 'docker.socket']))
afterAll(async () => {
  await lab.router.execOk(['systemctl', 'start', 'docker.service'])
  await baseline(lab)
})

/** Id and start time of each of our containers: neither changes while they live on. */
async function containers(): Promise<string> {
  const names = SERVICES.map((name) => `sekisho-${name}-1`)
  return lab.router.execOk(['docker', 'inspect', '--format', '{{.Id}} {{.State.StartedAt}}', ...names])
}

const ourTable = () => lab.router.execOk(['nft', '--stateless', 'list', 'table', 'inet', 'sekisho'])

/** Makes the laptop ask for its lease anew; resolves when kea has given it, by the entry in kea's own file. */
async function renewLease(): Promise<void> {
  const entries = async () => {
    const file = '/var/lib/sekisho/kea/leases/kea-leases4.csv'
    const lines = await lab.router.execOk(['cat', file])
    return lines.split('\n').filter((line) => line.includes('02:00:5e:30:00:01'))
  }
  const last = async () => (await entries()).at(-1)
  const before = await last()
  // The times in the file are whole seconds.
  await sleep(1100)
  await lab.renew('laptop')
  await expect.poll(last, { timeout: 15_000, interval: 200 }).not.toBe(before)
}

/** Docker's own FORWARD policy: with DROP, what our table accepts would be dropped after all. */
async function expectForwardAccepts(): Promise<void> {
  const chains = await lab.router.execOk(['nft', 'list', 'chain', 'ip', 'filter', 'FORWARD'])
  expect(chains).toContain('policy accept')
  const six = await lab.router.exec(['nft', 'list', 'chain', 'ip6', 'filter', 'FORWARD'])
  if (six.code === 0) expect(six.stdout).toContain('policy accept')
}

async function whileRouterWorks(action: () => Promise<void>): Promise<void> {
  const [table, before] = [await ourTable(), await containers()]
  const report = await duringTraffic(lab, action)
  expect(trafficTroubles(report, 1000)).toEqual([])
  for (const [name, { pauseMs }] of Object.entries(report)) expect(pauseMs, name).toBeLessThan(3000)
  expect(await ourTable()).toBe(table)
  await expectForwardAccepts()
  // live-restore: they never noticed.
  expect(await containers()).toBe(before)
}

async function dockerAnswers(): Promise<void> {
  await expect
    .poll(async () => (await lab.router.exec(['docker', 'info'])).code, { timeout: 60_000, interval: 300 })
    .toBe(0)
}

describe('forwarding, names and leases go on', () => {
  test('while dockerd is stopped', async () => {
    await whileRouterWorks(async () => {
      await lab.router.execOk(['systemctl', 'stop', 'docker.socket', 'docker.service'])
      expect((await lab.router.exec(['docker', 'ps'])).code).not.toBe(0)
      await renewLease()
      await sleep(2000)
      await lab.router.execOk(['systemctl', 'start', 'docker.service'])
      await dockerAnswers()
    })
  })

  const restarts = count(2, 10)
  test(
    `over ${restarts} restarts of dockerd`,
    async () => {
      await whileRouterWorks(async () => {
        for (let i = 0; i < restarts; i += 1) {
          if (i > 0) await sleep(count(8000, 21_000))
          await lab.router.execOk(['systemctl', 'restart', 'docker.service'])
          await dockerAnswers()
        }
        await renewLease()
      })
    },
    120_000 + 40_000 * restarts,
  )

  test('when dockerd is killed', async () => {
    const pid = async () => (await lab.router.execOk(['systemctl', 'show', '-P', 'MainPID', 'docker'])).trim()
    await whileRouterWorks(async () => {
      const killed = await pid()
      await lab.router.execOk(['kill', '-KILL', killed])
      await renewLease()
      await expect.poll(pid, { timeout: 30_000, interval: 300 }).not.toMatch(new RegExp(`^(0|${killed})$`))
      await dockerAnswers()
    })
  })

  test('when all of Docker is away, a new lease and its name come all the same', async () => {
    await lab.router.execOk(['systemctl', 'stop', 'docker.socket', 'docker.service'])
    try {
      await lab.phone.execOk(['dhcpcd', '-k', 'eth0'])
      await lab.phone.execOk(['sh', '-c', 'setsid dhcpcd -B eth0 >/dev/null 2>&1 </dev/null &'])
      await expect
        .poll(() => lab.phone.execOk(['ip', '-4', '-o', 'address', 'show', 'dev', 'eth0']), {
          timeout: 20_000,
        })
        .toContain(' 10.0.0.')
      await expect
        .poll(() => lab.laptop.execOk(['dig', '+short', '+time=1', 'phone.home.arpa']), { timeout: 15_000 })
        .toMatch(/^10\.0\.0\.\d+\n$/)
    } finally {
      await lab.router.execOk(['systemctl', 'start', 'docker.service'])
      await dockerAnswers()
    }
  })
})

const daemonJson = async () => JSON.parse(await lab.router.execOk(['cat', '/etc/docker/daemon.json']))

test('where Docker has switched forwarding on and drops by default, apply opens what our table allows', async () => {
  const sh = (script: string) => lab.router.execOk(['sh', '-c', script])
  const page = (family: '-4' | '-6') =>
    lab.laptop.exec(['curl', family, '-sSf', '--max-time', '3', 'http://www.example.org/'])
  const ours = await daemonJson()
  try {
    // As on any machine before its first apply. For IPv6 this release has to be asked.
    const others = { ...ours, 'ip-forward': true, ip6tables: true, experimental: true }
    await lab.router.writeFile('/etc/docker/daemon.json', JSON.stringify(others))
    await sh('systemctl stop docker.socket docker && echo 0 >/proc/sys/net/ipv4/ip_forward')
    await sh('systemctl start docker')
    await dockerAnswers()
    expect(await sh('cat /proc/sys/net/ipv4/ip_forward')).toBe('1\n')
    expect((await page('-4')).code).not.toBe(0)
    expect((await page('-6')).code).not.toBe(0)

    const planned = await lab.router.exec(['sekisho', 'plan'])
    expect(planned.code).toBe(2)
    const said = await applyYaml(lab, await baselineYaml(lab))
    for (const family of ['ip', 'ip6']) {
      const step = `sets the policy of ${family} filter FORWARD from drop to accept`
      expect(planned.stdout).toContain(step)
      expect(said).toContain(step)
    }
    await expectForwardAccepts()
    expect(await page('-4')).toMatchObject({ code: 0, stdout: expect.stringContaining('www.example.org') })
    expect(await page('-6')).toMatchObject({ code: 0, stdout: expect.stringContaining('www.example.org') })
    expect(await lab.router.exec(['sekisho', 'plan'])).toMatchObject({ code: 0 })

    // Restarted with our settings, Docker leaves it so.
    await sh('systemctl restart docker')
    await expectForwardAccepts()
  } finally {
    await lab.router.writeFile('/etc/docker/daemon.json', `${JSON.stringify(ours, null, 2)}\n`)
    await sh('systemctl reset-failed docker; systemctl restart docker')
    // What Docker made for IPv6 stays until the next boot.
    await sh('for table in filter nat; do nft delete table ip6 $table || :; done')
    await baseline(lab)
  }
}, 180_000)

describe('daemon.json', () => {
  test("has our keys and keeps the user's", async () => {
    const ours = await daemonJson()
    expect(Object.keys(ours).sort()).toEqual([
      'default-address-pools',
      'ip-forward',
      'live-restore',
      'log-driver',
      'log-opts',
    ])
    expect(ours).toMatchObject({ 'live-restore': true, 'ip-forward': false })
    expect(await lab.router.execOk(['docker', 'info', '--format', '{{.LiveRestoreEnabled}}'])).toBe('true\n')

    // A user adds a key, and changes one of ours.
    const edited = { ...ours, 'max-concurrent-downloads': 2, 'live-restore': false }
    await lab.router.writeFile('/etc/docker/daemon.json', `${JSON.stringify(edited)}\n`)
    const before = await containers()
    const said = await applyYaml(lab, await baselineYaml(lab))
    expect(said).toContain('/etc/docker/daemon.json')
    expect(await daemonJson()).toEqual({ ...ours, 'max-concurrent-downloads': 2 })
    expect(await containers()).toBe(before)
    expect(await lab.router.exec(['sekisho', 'plan'])).toMatchObject({ code: 0 })

    await lab.router.writeFile('/etc/docker/daemon.json', `${JSON.stringify(ours, null, 2)}\n`)
    expect(await applyYaml(lab, await baselineYaml(lab))).toContain('Nothing to do')
  })

  test('our networks and the pools of Docker do not overlap', async () => {
    await lab.router.execOk(['docker', 'network', 'create', 'probe'])
    try {
      const format = '{{(index .IPAM.Config 0).Subnet}}'
      const subnet = (
        await lab.router.execOk(['docker', 'network', 'inspect', '--format', format, 'probe'])
      ).trim()
      const pool = (await daemonJson())['default-address-pools'][0].base
      expect(subnet.split('.').slice(0, 2)).toEqual(pool.split('.').slice(0, 2))
      expect(subnet).not.toMatch(/^10\.0\.[01]\./)
    } finally {
      await lab.router.execOk(['docker', 'network', 'rm', 'probe'])
    }
  })
})
