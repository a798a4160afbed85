import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { Running } from '../../../src/lab/host.ts'
import { type Lab, openLab } from '../../../src/lab/lab.ts'
import { WAN } from '../../../src/lab/topology.ts'
import { count } from '../support/counts.ts'
import { editedYaml } from '../support/edit-yaml.ts'
import { machineState, stateDiff } from '../support/machine-state.ts'
import { applyYaml, baseline, baselineYaml } from '../support/router-yaml.ts'
import { writeUserModule } from './user-module.ts'

/* A change undoes itself unless somebody keeps it, whatever becomes of whoever made it. */

let lab: Lab

beforeAll(async () => {
  lab = await openLab()
})
beforeEach(() => baseline(lab))
afterAll(() => baseline(lab))

const sh = async (script: string) => (await lab.router.execOk(['sh', '-c', script])).trim()
const linked = (name: 'current' | 'confirmed') => sh(`readlink /etc/sekisho/${name}`)
const WAITS = 'goes back by itself unless it is confirmed'

/** Another address for home, and so another for its clients: who applies it over SSH is cut off. */
function otherAddress(): Promise<string> {
  return editedYaml(lab, (document) => {
    document.setIn(['networks', 'home', 'address'], '10.0.9.1/24')
    document.setIn(['networks', 'home', 'dhcp', 'pools'], ['10.0.9.129 - 10.0.9.254'])
  })
}

function otherRules(): Promise<string> {
  return editedYaml(lab, (document) => {
    document.set('firewall', { forwards: [{ port: 8443, to: '10.0.0.200' }] })
    document.setIn(
      ['networks', 'guest', 'dhcp', 'reservations'],
      [{ name: 'tv', mac: '02:00:5e:70:00:02', address: '10.0.1.77' }],
    )
  })
}

/** Begins `sekisho apply` with these arguments; its process is `pid`. */
async function begin(...args: string[]): Promise<Running & { pid(): string }> {
  const running = lab.router.spawn([
    'sh',
    '-c',
    'echo "pid $$" >&2; exec sekisho apply "$@"',
    'apply',
    ...args,
  ])
  await running.waitFor(/pid \d+\n/)
  return { ...running, pid: () => /pid (\d+)/.exec(running.output())?.[1] ?? '' }
}

/** The laptop, with the address that it has had all the time: a name from the router, and a page of the Internet. */
async function oldWay(): Promise<boolean> {
  const asked = ['dig', '+short', '+time=1', '+tries=1', '@10.0.0.1', 'www.example.org']
  const name = await lab.laptop.exec(asked)
  const page = await lab.laptop.exec(['curl', '-4sSf', '--max-time', '1', 'http://203.0.113.80/'])
  return name.code === 0 && name.stdout.includes('203.0.113.80') && page.code === 0
}

/** Waits until nothing is under way any more, and nothing is left of a boot that went back. */
async function settled(patience: number): Promise<void> {
  const traces = 'test -e /run/sekisho-guard.json || test -e /run/sekisho-fell-back.json'
  await expect
    .poll(() => lab.router.exec(['sh', '-c', traces]), {
      timeout: patience,
      interval: 200,
    })
    .toMatchObject({ code: 1 })
}

describe('apply --confirm', () => {
  test('a wrong LAN address, and the CLI killed: the laptop works again on its old address', async () => {
    const before = await machineState(lab.router)
    const confirmed = await linked('confirmed')
    const text = await otherAddress()
    await lab.writeRouterYaml(text)
    const apply = await begin('--confirm', '20s')
    await apply.waitFor(WAITS)
    await sh(`kill -KILL ${apply.pid()}`)
    expect(await apply.done).not.toBe(0)
    expect(await oldWay()).toBe(false)
    expect(await linked('confirmed')).toBe(confirmed)

    await expect.poll(oldWay, { timeout: 25_000, interval: 100 }).toBe(true)
    await settled(30_000)
    expect(await linked('current')).toBe(confirmed)
    expect(await sh('cat /etc/sekisho/router.yaml')).toBe(text.trim())
    expect(await sh('cat /etc/sekisho/generations/*/undone.json')).toContain('not confirmed in time')
    await lab.writeRouterYaml(await baselineYaml(lab))
    expect(stateDiff(containersAside(before), containersAside(await machineState(lab.router)))).toEqual([])
    expect(await lab.router.exec(['sekisho', 'plan'])).toMatchObject({ code: 0 })
  })

  test('is kept by the token, and not by another session without it', async () => {
    await lab.writeRouterYaml(await otherRules())
    const apply = await begin('--confirm', '2m')
    await apply.waitFor(WAITS)
    const token = /sekisho confirm (\S+) {3}from anywhere/.exec(apply.output())?.[1] ?? ''
    // It is said before anything is touched, for the line to this terminal may be what changes.
    expect(apply.output().indexOf(token)).toBeLessThan(apply.output().indexOf('checks the firewall'))
    expect(await lab.router.exec(['sekisho', 'status'])).toMatchObject({
      stdout: expect.stringMatching(/goes back in \d+ s unless "sekisho confirm" keeps it/),
    })
    expect(await lab.apply()).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('waits to be confirmed'),
    })
    expect(await lab.router.exec(['sekisho', 'confirm'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('another session applied this'),
    })
    expect(await lab.router.exec(['sekisho', 'confirm', 'aaaa-bbbb-cccc'])).toMatchObject({ code: 1 })
    expect(await sh('grep -c . /run/sekisho-guard.json')).toBe('1')
    expect(await lab.router.exec(['grep', '-qi', token, '/run/sekisho-guard.json'])).toMatchObject({
      code: 1,
    })

    expect(await lab.router.exec(['sekisho', 'confirm', token])).toMatchObject({ code: 0 })
    expect(await apply.done).toBe(0)
    expect(apply.output()).toMatch(/Done: generation \d+ is in use and confirmed/)
    expect(await linked('confirmed')).toBe(await linked('current'))
    expect(await sh('systemctl list-units --all --no-legend "sekisho-guard*"')).toBe('')
    expect(await sh('nft list table inet sekisho')).toContain('8443')
  })

  test('is kept by the session that applied, and given up by a rollback at once', async () => {
    // What the one before had said is gone before this one begins: who is in the background opens its file when it likes.
    const script = `: >/root/said
sekisho apply --confirm 2m >/root/said 2>&1 & apply=$!
until grep -q '${WAITS}' /root/said || ! kill -0 $apply; do sleep 0.2; done
sekisho $1; echo "code $?"; wait $apply; echo "apply $?"; cat /root/said`
    await lab.router.writeFile('/root/session.sh', script)
    onTestFinished(async () => void (await sh('rm /root/session.sh /root/said')))
    const inTerminal = (what: string) =>
      lab.router.execOk(['script', '-qec', `sh /root/session.sh ${what}`, '/dev/null'], { timeout: 120_000 })
    await lab.writeRouterYaml(await otherRules())
    const before = await linked('current')
    const given = await inTerminal('rollback')
    expect(given).toMatch(/given up: generation \d+ is in use again[\s\S]*code 0[\s\S]*apply 1/)
    expect(given).toMatch(/was not confirmed: generation \d+ is in use again/)
    expect(await linked('current')).toBe(before)
    expect(await inTerminal('confirm')).toMatch(/is confirmed[\s\S]*code 0[\s\S]*apply 0/)
    expect(await linked('confirmed')).toBe(await linked('current'))
    expect(await linked('current')).not.toBe(before)
  })

  test('the power goes while it waits: what was confirmed comes up, and no container of the other stays', async () => {
    const folder = await writeUserModule(lab, 'well', true)
    const confirmed = await linked('confirmed')
    await lab.writeRouterYaml(
      await editedYaml(lab, (document) => {
        document.setIn(['modules', 'well'], { path: folder })
        document.set('firewall', { forwards: [{ port: 8443, to: '10.0.0.200' }] })
      }),
    )
    const apply = await begin('--confirm', '1h')
    await apply.waitFor(WAITS)
    expect(await sh('docker ps --format "{{.Names}}"')).toContain('sekisho-well-1')
    await lab.router.powerOff()
    await apply.stop()
    expect(await lab.restartRouter({ how: 'power-cut' })).toBe('running')
    expect(await linked('current')).toBe(confirmed)
    await settled(90_000)
    expect(await sh('docker ps --all --format "{{.Names}}"')).not.toContain('well')
    expect(await sh('cat /etc/sekisho/generations/*/undone.json')).toContain('was started again')
    await lab.writeRouterYaml(await baselineYaml(lab))
    await expect
      .poll(() => lab.router.exec(['sekisho', 'plan']), { timeout: 60_000, interval: 1000 })
      .toMatchObject({ code: 0 })
    await expect.poll(oldWay, { timeout: 30_000 }).toBe(true)
  })

  test('refuses what is no time, before it looks at anything', async () => {
    for (const time of ['5s', '25h', '2 minutes'])
      expect(await lab.apply([`--confirm=${time}`])).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^--confirm: .* Fix: give a time between 10s and 24h/m),
      })
  })
})

describe('an apply that is killed is undone by itself', () => {
  const lines = [
    'becomes current',
    'replaces the firewall table',
    'containers:',
    'waits until all of it works',
  ]
  test.each(lines.slice(0, count(2, 4)))('after "%s"', async (line) => {
    const before = await machineState(lab.router)
    await lab.writeRouterYaml(await otherRules())
    const apply = await begin()
    // The plan comes first, in the same words.
    await apply.waitFor(new RegExp(`looks at what works now[\\s\\S]*${line}.*\n`))
    await sh(`kill -KILL ${apply.pid()}`)
    await apply.done
    // What the timer does when the time has come.
    await sh('systemctl is-active sekisho-guard.timer && systemctl start sekisho-guard.service')
    await settled(60_000)
    expect(await linked('current')).toBe(await linked('confirmed'))
    await lab.writeRouterYaml(await baselineYaml(lab))
    expect(stateDiff(containersAside(before), containersAside(await machineState(lab.router)))).toEqual([])
    expect(await lab.router.exec(['sekisho', 'plan'])).toMatchObject({ code: 0 })
  })

  test('when the time has come, though it cut the LAN off', async () => {
    await lab.writeRouterYaml(await otherAddress())
    const apply = await begin('--force')
    await apply.waitFor(/looks at what works now[\s\S]*containers:.*\n/)
    await sh(`kill -KILL ${apply.pid()}`)
    await apply.done
    await expect.poll(oldWay, { timeout: 60_000, interval: 200 }).toBe(true)
    await settled(60_000)
    expect(await linked('current')).toBe(await linked('confirmed'))
  })
})

describe('what worked before must work again', () => {
  test('a resolver that trusts the wrong root: it runs, and answers nothing of the Internet', async () => {
    const key = await sh('cat /etc/sekisho/dns/root.key')
    const wrong = key.replace(/(257 3 13 .{10})..../, '$1AAAA')
    expect(wrong).not.toBe(key)
    await lab.router.writeFile('/etc/sekisho/dns/wrong.key', `${wrong}\n`)
    onTestFinished(async () => void (await sh('rm /etc/sekisho/dns/wrong.key')))
    const before = await linked('current')
    await lab.writeRouterYaml(
      await editedYaml(lab, (document) =>
        document.setIn(['modules', 'unbound', 'trust_anchor_file'], '/etc/sekisho/dns/wrong.key'),
      ),
    )
    const { code, stderr } = await lab.apply(['--deadline', '6'])
    expect({ code, stderr }).toMatchObject({ code: 1 })
    expect(stderr).toMatch(
      /DNS of the Internet: \S+ was asked for a name of the Internet: it answers SERVFAIL/,
    )
    expect(stderr).toContain('Everything is as it was before.')
    expect(await linked('current')).toBe(before)
    await expect.poll(oldWay, { timeout: 10_000 }).toBe(true)
  })

  test('a module that brings a firewall of its own: nothing is forwarded, and that is seen', async () => {
    await lab.router.writeFile('/root/modules/wall/module.ts', WALL)
    onTestFinished(async () => void (await sh('rm -r /root/modules/wall')))
    const before = await machineState(lab.router)
    await lab.writeRouterYaml(
      await editedYaml(lab, (document) =>
        document.setIn(['modules', 'wall'], { path: '/root/modules/wall' }),
      ),
    )
    const { code, stderr } = await lab.apply(['--deadline', '6'])
    expect({ code, stderr }).toMatchObject({ code: 1 })
    expect(stderr).toMatch(/forwarding \(IPv4\): no packet came through.*\n.*forwarding \(IPv6\)/)
    expect(await sh('nft list tables')).not.toContain('wall')
    await lab.writeRouterYaml(await baselineYaml(lab))
    expect(stateDiff(before, await machineState(lab.router))).toEqual([])
  })
})

/** A module with a unit that drops all that is forwarded, as somebody's own firewall script would. */
const WALL = `import { defineModule } from 'sekisho'
import { z } from 'zod'

export const it = defineModule({
  name: 'wall',
  summary: 'for a test',
  config: z.strictObject({}),
  build: () => ({
    files: [],
    services: [],
    openings: [],
    logs: [],
    data: [],
    host: {
      units: [{
        name: 'sekisho-wall.service',
        text: \`[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=nft add table inet wall
ExecStart=nft add chain inet wall forward { type filter hook forward priority 10; policy drop; }
ExecStop=nft delete table inet wall

[Install]
WantedBy=multi-user.target
\`,
      }],
    },
  }),
})
`

describe('rollback', () => {
  test('to the generation before, with no WAN: the file comes back, and what was there is kept', async () => {
    const one = await sh('cat /etc/sekisho/router.yaml')
    const before = await machineState(lab.router)
    const two = await otherRules()
    await applyYaml(lab, two)
    // From the WAN, where SSH is not let in.
    const cut = await lab.router.exec(['sh', '-c', 'sekisho rollback; exit $?'], {
      env: { SSH_CONNECTION: `203.0.113.80 50000 ${WAN.router4} 22` },
    })
    expect(cut).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('the WAN, from where SSH is not let in'),
    })
    expect(cut.stderr).toContain('Nothing was changed.')
    await lab.unplug('isp')
    onTestFinished(async () => {
      await lab.plug('isp')
      await sh('rm -f /etc/sekisho/router.yaml.before-generation-*')
    })
    const { code, stdout, stderr } = await lab.router.exec(['sekisho', 'rollback'], { timeout: 120_000 })
    expect({ code, stderr }).toMatchObject({ code: 0 })
    const kept = /what was there is kept in (\S+)\./.exec(stdout)?.[1] ?? ''
    expect(await sh('cat /etc/sekisho/router.yaml')).toBe(one)
    expect(await sh(`cat ${kept}`)).toBe(two.trim())
    expect(await sh('nft list table inet sekisho')).not.toContain('8443')
    await lab.plug('isp')
    await sh(`rm ${kept}`)
    await expect.poll(oldWay, { timeout: 30_000 }).toBe(true)
    // What the provider gives for IPv6 comes with its next advertisement.
    const after = async () => containersAside(await machineState(lab.router))
    await expect
      .poll(async () => stateDiff(containersAside(before), await after()), {
        timeout: 45_000,
        interval: 2000,
      })
      .toEqual([])

    expect(await lab.router.exec(['sekisho', 'rollback', '999'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('there is no generation 999'),
    })
  })
})

/** The same but for the containers' numbers: one that was made again has another. */
function containersAside(state: Awaited<ReturnType<typeof machineState>>): typeof state {
  return { ...state, containers: state.containers.map((line) => line.replace(/^\S+ /, '')).sort() }
}
