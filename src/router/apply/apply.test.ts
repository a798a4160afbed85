import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { desired, INTERFACES, machine, removeMachines, run } from '../../../tests/applied-machine.ts'
import type { FakeMachine } from '../../../tests/fake-machine.ts'
import { describe as inWords } from '../describe.ts'
import type { DesiredState } from '../desired.ts'
import { restoreTakeover } from '../takeover/takeover.ts'

afterEach(removeMachines)

function look(fake: FakeMachine): unknown {
  return structuredClone(fake.snapshot())
}

describe('apply', () => {
  it('makes a Debian machine a router, and a second apply changes nothing', async () => {
    const fake = machine()
    const first = await run(fake, desired())
    expect(first).toMatchObject({ ok: true, changed: true })
    expect(fake.text('/proc/sys/net/ipv4/ip_forward')).toBe('1\n')
    expect(fake.text('/proc/sys/kernel/hostname')).toBe('gate\n')
    expect(fake.nft).toContain('table inet sekisho')
    expect([...fake.containers.keys()]).toEqual(['dns', 'log'])
    expect(fake.text('/etc/network/interfaces')).toContain('#sekisho# iface wan0 inet dhcp')
    expect(fake.text('/etc/network/interfaces')).toContain('\niface lo inet loopback')
    expect(fake.tree('/etc/systemd/network')).not.toHaveProperty('/etc/systemd/network/05-mine.network')
    expect(JSON.parse(fake.text('/etc/docker/daemon.json'))).toMatchObject({
      debug: true,
      'live-restore': true,
      'ip-forward': false,
      'log-driver': 'json-file',
    })
    expect(fake.units.get('systemd-networkd.service')).toEqual({ enabled: true, active: true })
    expect(fake.units.get('nftables.service')).toEqual({ enabled: false, active: false })

    const before = look(fake)
    const changes = fake.changes
    const second = await run(fake, desired())
    expect(second).toMatchObject({ ok: true, changed: false, plan: { steps: [] } })
    expect(look(fake)).toEqual(before)
    expect(fake.changes).toBe(changes)
  })

  it('forwards only after the table is loaded, and starts containers last', async () => {
    const fake = machine()
    const order: string[] = []
    await run(fake, desired(), { onProgress: (line) => order.push(line) })
    const at = (part: string) => order.findIndex((line) => line.includes(part))
    expect(at('becomes current')).toBeGreaterThan(at("dns's file"))
    expect(at('forwarded')).toBeGreaterThan(at('firewall table'))
    expect(at('firewall table')).toBeGreaterThan(at('reconfigures'))
    expect(at('FORWARD from drop to accept')).toBeGreaterThan(at('firewall table'))
    expect(at('containers:')).toBeGreaterThan(at('Docker restarts'))
    expect(at('Docker restarts')).toBeGreaterThan(at('forwarded'))
  })

  it('leaves no trace of a module that goes, but its data', async () => {
    const fake = machine()
    await run(fake, desired({ modules: ['dns'] }))
    const clean = (tree: Record<string, string>) =>
      Object.fromEntries(
        Object.entries(tree).filter(
          ([path]) =>
            !/^\/etc\/sekisho\/(generations|current|confirmed)/.test(path) &&
            !path.startsWith('/var/lib/sekisho/log/'),
        ),
      )
    const rest = () => structuredClone({ ...fake.snapshot(), files: clean(fake.tree('')) })
    const before = rest()
    await run(fake, desired({ modules: ['dns', 'log'] }))
    fake.put('/var/lib/sekisho/log/data/lease', 'kept')
    const removal = await run(fake, desired({ modules: ['dns'] }))
    expect(removal).toMatchObject({
      ok: true,
      plan: { kept: [{ owner: 'log', path: '/var/lib/sekisho/log/data' }] },
    })
    expect(rest()).toEqual(before)
    expect(fake.text('/var/lib/sekisho/log/data/lease')).toBe('kept')
  })

  it.each([
    ['the first apply', undefined, desired()],
    [
      'a change of everything',
      desired(),
      desired({ modules: ['dns', 'new'], hostname: 'other', guest: true, rule: 2 }),
    ],
    [
      'the removal of modules and a bridge',
      desired({ guest: true }),
      desired({ modules: [], bridged: false }),
    ],
  ])(
    'puts everything back when any change during %s fails',
    async (_, from, to) => {
      const total = await countChanges(from, to)
      expect(total).toBeGreaterThan(20)
      let undone = 0
      for (let n = 1; n <= total; n++) {
        const fake = machine()
        if (from) await run(fake, from)
        const before = look(fake)
        fake.failAt = fake.changes + n
        const result = await run(fake, to).catch((error: unknown) => ({
          ok: false as const,
          unrestored: [String(error)],
        }))
        // Some failures are of no consequence: a flush, an old generation that stays.
        if (result.ok) continue
        undone++
        expect({ n, unrestored: result.unrestored }).toEqual({ n, unrestored: [] })
        expect({ n, look: look(fake) }).toEqual({ n, look: before })
        fake.failAt = 0
        expect({ n, again: await run(fake, to) }).toMatchObject({ n, again: { ok: true, changed: true } })
      }
      expect(undone).toBeGreaterThan(total / 2)
    },
    120_000,
  )

  it('refuses before the swap what a checker refuses, and says why', async () => {
    const fake = machine()
    await run(fake, desired())
    const before = look(fake)
    fake.refuse = { pattern: /--entrypoint judge/, says: 'line 3: syntax error' }
    const result = await run(fake, desired({ hostname: 'other' }))
    expect(result).toMatchObject({ ok: false, stage: 'check' })
    expect(JSON.stringify(result)).toContain('line 3: syntax error')
    expect(look(fake)).toEqual(before)
  })

  it('goes back when containers do not become healthy, with what they said', async () => {
    const fake = machine()
    await run(fake, desired())
    const before = look(fake)
    let attempts = 0
    const exec = fake.host.exec
    const host = {
      ...fake.host,
      exec: (async (argv, options) => {
        if (argv.includes('up') && ++attempts === 1)
          return { code: 1, stdout: '', stderr: 'container dns is unhealthy' }
        return exec(argv, options)
      }) satisfies typeof exec,
    }
    const result = await run(fake, desired({ rule: 9, hostname: 'other' }), { host })
    expect(result).toMatchObject({ ok: false, stage: 'apply', unrestored: [] })
    expect(result.ok ? '' : result.message).toContain('container dns is unhealthy')
    expect(look(fake)).toEqual(before)
  })

  it('does not touch a machine whose daemon.json it cannot read', async () => {
    const fake = machine()
    fake.put('/etc/docker/daemon.json', '{"debug": tru')
    const before = look(fake)
    const result = await run(fake, desired())
    expect(result).toMatchObject({ ok: false, stage: 'plan' })
    expect(JSON.stringify(result)).toContain('daemon.json')
    expect(look(fake)).toEqual(before)
  })

  it('mends what was changed by hand', async () => {
    const fake = machine()
    await run(fake, desired())
    const before = look(fake)
    fake.delete('/etc/systemd/network/10-sekisho-wan.network')
    fake.put('/etc/rsyslog.d/50-log.conf', 'edited\n')
    fake.put('/proc/sys/net/ipv4/ip_forward', '0\n')
    fake.policies.set('ip filter FORWARD', 'drop')
    fake.nft = undefined
    fake.containers.delete('dns')
    const result = await run(fake, desired())
    expect(result).toMatchObject({ ok: true, changed: true })
    expect(result.plan?.from).toBe(result.plan?.to)
    // The edited file is the user's work: it is kept beside.
    fake.delete('/etc/sekisho/saved/files/etc/rsyslog.d')
    expect(look(fake)).toEqual(before)
    expect(await run(fake, desired())).toMatchObject({ changed: false })
  })

  it('sees that Docker drops again, and mends it alone', async () => {
    const fake = machine()
    await run(fake, desired())
    expect(fake.policies.get('ip filter FORWARD')).toBe('accept')
    fake.policies.set('ip filter FORWARD', 'drop')
    const result = await run(fake, desired())
    expect(result.plan?.steps.map((step) => step.says)).toEqual([
      'sets the policy of ip filter FORWARD from drop to accept: Docker would drop what our firewall lets through, which itself denies what it does not know',
    ])
    expect(await run(fake, desired())).toMatchObject({ changed: false })
  })

  it("does not touch a machine with another's default deny, and says what to do", async () => {
    const fake = machine()
    await run(fake, desired())
    fake.policies.set('inet mine FORWARD', 'drop')
    const before = look(fake)
    expect(await run(fake, desired({ rule: 2 }))).toMatchObject({
      ok: false,
      stage: 'plan',
      details: [expect.stringMatching(/^the chain inet mine FORWARD .* Fix: .*nft delete table inet mine$/)],
    })
    expect(look(fake)).toEqual(before)
  })

  it('lets a second apply wait or refuse', async () => {
    const fake = machine()
    const [one, two] = await Promise.all([run(fake, desired()), run(fake, desired())])
    expect(one).toMatchObject({ ok: true })
    expect(two).toMatchObject({ ok: false, stage: 'lock' })
  })

  it('gives a taken-over machine back', async () => {
    const fake = machine()
    await run(fake, desired())
    expect(await restoreTakeover(fake.host)).toEqual([])
    expect(fake.text('/etc/network/interfaces')).toBe(INTERFACES)
    expect(fake.units.get('nftables.service')).toEqual({ enabled: true, active: true })
    expect(fake.units.get('systemd-networkd.service')).toEqual({ enabled: false, active: false })
    expect(fake.policies.get('ip filter FORWARD')).toBe('drop')
    expect(fake.tree('/etc/systemd/network')).toHaveProperty('/etc/systemd/network/05-mine.network')
  })

  it('never shows a secret, and keeps it readable by root alone', async () => {
    const fake = machine()
    const shown: string[] = []
    const result = await run(fake, desired(), { onProgress: (line) => shown.push(line) })
    if (!result.ok) throw new Error(result.message)
    expect(inWords(result.plan, { full: true }) + shown.join('\n')).not.toContain('secret of dns')
    expect(fake.tree('/etc/sekisho/generations/1/modules/dns')).toMatchObject({
      '/etc/sekisho/generations/1/modules/dns/key': '400 secret of dns\n',
    })
  })

  it('keeps as many generations as the budget says', async () => {
    const fake = machine()
    const budget = { keep: 10, maxBytes: 2 ** 31 }
    for (let rule = 1; rule <= 13; rule++) await run(fake, desired({ rule }), { budget })
    expect(Object.keys(fake.tree('/etc/sekisho/generations')).filter((p) => /\/\d+\/$/.test(p)).length).toBe(
      10,
    )
    expect(fake.tree('/etc/sekisho')['/etc/sekisho/confirmed']).toBe('-> generations/13')
  })

  it('reaches any state from any other, and then has nothing to do', async () => {
    const variant = fc.record({
      modules: fc.subarray(['dns', 'log', 'new']),
      hostname: fc.constantFrom('gate', 'other'),
      guest: fc.boolean(),
      bridged: fc.boolean(),
      rule: fc.integer({ min: 1, max: 3 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(variant, { minLength: 2, maxLength: 4 }), async (variants) => {
        const fake = machine()
        for (const each of variants) {
          expect(await run(fake, desired(each))).toMatchObject({ ok: true })
          expect(await run(fake, desired(each))).toMatchObject({ changed: false, plan: { steps: [] } })
        }
        const straight = machine()
        await run(straight, desired(variants.at(-1)))
        const shape = (machine: FakeMachine) => ({
          files: Object.fromEntries(
            Object.entries(machine.tree('/etc')).filter(([path]) => !path.startsWith('/etc/sekisho/')),
          ),
          nft: machine.nft,
          containers: [...machine.containers].toSorted(([a], [b]) => (a < b ? -1 : 1)),
        })
        expect(shape(fake)).toEqual(shape(straight))
      }),
      { numRuns: process.env.SEKISHO_FULL ? 100 : 8 },
    )
  }, 120_000)
})

async function countChanges(from: DesiredState | undefined, to: DesiredState): Promise<number> {
  const fake = machine()
  if (from) await run(fake, from)
  const before = fake.changes
  expect(await run(fake, to)).toMatchObject({ ok: true })
  return fake.changes - before
}
