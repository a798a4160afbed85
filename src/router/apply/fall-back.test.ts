import { afterEach, describe, expect, it } from 'vitest'
import { desired, machine, removeMachines, run } from '../../../tests/applied-machine.ts'
import type { FakeMachine } from '../../../tests/fake-machine.ts'
import type { DesiredState } from '../desired.ts'
import { earlierGeneration } from '../generation/earlier.ts'
import { desiredOf, manifestOf, readGeneration } from '../generation/generation.ts'
import { readUndone } from '../generation/undone.ts'
import { PATHS } from '../paths.ts'
import type { ApplyOptions } from './apply.ts'
import { confirm } from './confirm.ts'
import { type FallBackOptions, fallBack } from './fall-back.ts'
import { hashToken, newToken } from './token.ts'

afterEach(removeMachines)

const GUARD = ['sekisho', 'rollback', '--unconfirmed']
const SESSION = { anchors: ['812 4711'] }
const TOKEN = newToken()
const BOOT_ID = '/proc/sys/kernel/random/boot_id'
/** Every change with --full, else every fifth: what is done at each takes four applies. */
const STRIDE = process.env.SEKISHO_FULL ? 1 : 5

function guarded(fake: FakeMachine, state: DesiredState, more: Partial<ApplyOptions> = {}) {
  return run(fake, state, { guard: GUARD, ...more })
}

function waiting(fake: FakeMachine, state: DesiredState, secs = 60) {
  return guarded(fake, state, { confirm: { secs, session: SESSION, tokenHash: hashToken(TOKEN) } })
}

/** What the timer's service does; the timer itself is gone once it has fired. */
function goBack(fake: FakeMachine, more: Partial<FallBackOptions> = {}) {
  for (const timer of [...fake.timers].slice(0, 1)) fake.timers.delete(timer)
  const context = { host: fake.host, ensureImages: async () => {}, healthSecs: 1 }
  return fallBack({ context, lockSecs: 0, ...more })
}

/** All there is but the history and `live.json`, which says what was seen running. */
function look(fake: FakeMachine) {
  const { files, ...rest } = fake.snapshot()
  const kept = Object.entries(files).filter(
    ([path]) => !path.startsWith('/etc/sekisho/generations/') && path !== BOOT_ID,
  )
  return structuredClone({ files: Object.fromEntries(kept), ...rest })
}

const CHANGES: readonly (readonly [string, DesiredState, DesiredState])[] = [
  [
    'a change of everything',
    desired(),
    desired({ modules: ['dns', 'new'], hostname: 'other', guest: true, rule: 2 }),
  ],
  ['the removal of modules and a bridge', desired({ guest: true }), desired({ modules: [], bridged: false })],
]

/** Lets `work` be killed at its n-th change; true when it came that far. */
async function killed(fake: FakeMachine, n: number, work: () => Promise<unknown>): Promise<boolean> {
  const death = new Promise<true>((resolve) => {
    fake.onDeath = () => resolve(true)
  })
  fake.dieAt = fake.changes + n
  const dead = await Promise.race([death, work().then(() => false)])
  fake.revive()
  return dead
}

/** What is in /run is gone, and so are the timers. */
function boot(fake: FakeMachine): void {
  for (const path of [PATHS.guard, PATHS.fellBack]) if (fake.exists(path)) fake.delete(path)
  fake.timers.clear()
  fake.put(BOOT_ID, 'that boot\n')
}

describe('an apply that is killed', () => {
  it.each(CHANGES)(
    'at any change of %s leaves the old or the new',
    async (_, from, to) => {
      const [before, after] = await Promise.all([settled(from), settled(from, to)])
      const seen = new Set<string>()
      for (let n = 1; ; n++) {
        const fake = machine()
        await guarded(fake, from)
        if (!(await killed(fake, n, () => guarded(fake, to)))) break
        // Armed before the machine is touched, until it is confirmed.
        const { files } = look(fake)
        delete files[PATHS.guard]
        const touched = JSON.stringify({ ...look(fake), files }) !== JSON.stringify(before)
        const confirmed = fake.tree('/etc/sekisho')['/etc/sekisho/confirmed'] === '-> generations/2'
        if (touched && !confirmed)
          expect({ n, timers: [...fake.timers] }).toEqual({ n, timers: ['sekisho-guard'] })
        const result = await goBack(fake)
        if (result.did === 'back') expect({ n, failures: result.failures }).toEqual({ n, failures: [] })
        expect({ n, timers: [...fake.timers] }).toEqual({ n, timers: [] })
        const is = confirmed ? after : before
        expect({ n, look: look(fake) }).toEqual({ n, look: is })
        seen.add(`${confirmed}`)
        expect({ n, again: await guarded(fake, to) }).toMatchObject({ n, again: { ok: true } })
        expect({ n, look: withoutNumbers(look(fake)) }).toEqual({ n, look: withoutNumbers(after) })
      }
      expect([...seen].sort()).toEqual(['false', 'true'])
    },
    240_000,
  )

  it('for the first time leaves the machine as it was, or a router', async () => {
    const untouched = look(machine())
    const after = await settled(desired())
    for (let n = 1; ; n += STRIDE) {
      const fake = machine()
      if (!(await killed(fake, n, () => guarded(fake, desired())))) break
      const confirmed = fake.exists('/etc/sekisho/confirmed')
      await goBack(fake)
      const is = confirmed ? after : untouched
      expect({ n, look: look(fake) }).toEqual({ n, look: is })
    }
  }, 240_000)

  it('for the first time, by a power cut, is undone after the boot, or before the next apply', async () => {
    const untouched = look(machine())
    const after = await settled(desired())
    for (let n = 1; ; n += STRIDE) {
      const fake = machine()
      if (!(await killed(fake, n, () => guarded(fake, desired())))) break
      const confirmed = fake.exists(PATHS.confirmed)
      boot(fake)
      await goBack(fake)
      expect({ n, look: look(fake) }).toEqual({ n, look: confirmed ? after : untouched })

      const other = machine()
      await killed(other, n, () => guarded(other, desired()))
      boot(other)
      await waiting(other, desired({ rule: 2 }), 0)
      await goBack(other)
      expect({ n, look: look(other) }).toEqual({ n, look: confirmed ? after : untouched })
    }
  }, 240_000)

  it('for the first time, when it was confirmed already, is not undone by the next one', async () => {
    const whole = machine()
    await guarded(whole, desired())
    let seen = 0
    for (let n = whole.changes - 12; n <= whole.changes; n++) {
      const fake = machine()
      await killed(fake, n, () => guarded(fake, desired()))
      if (!fake.exists(PATHS.confirmed) || !fake.exists(PATHS.firstApply)) continue
      seen++
      expect(await guarded(fake, desired())).toMatchObject({ ok: true, changed: false })
      expect(fake.exists(PATHS.firstApply)).toBe(false)
    }
    expect(seen).toBeGreaterThan(0)
  })

  it('for the first time waits for no confirmation after a boot', async () => {
    const fake = machine()
    const untouched = look(machine())
    await waiting(fake, desired(), 3600)
    expect(await goBack(fake)).toMatchObject({ did: 'not yet' })
    boot(fake)
    expect(await goBack(fake)).toMatchObject({ did: 'back', to: undefined, failures: [] })
    expect(look(fake)).toEqual(untouched)
  })
})

describe('a way back that goes wrong', () => {
  it.each(CHANGES)(
    'at any change, killed or refused, of the one from %s ends at the old all the same',
    async (_, from, to) => {
      const before = await settled(from)
      for (const how of ['killed', 'refused'] as const) {
        for (let n = 1; ; n += STRIDE) {
          const fake = machine()
          await guarded(fake, from)
          await waiting(fake, to, 0)
          if (how === 'killed') {
            if (!(await killed(fake, n, () => goBack(fake)))) break
          } else {
            fake.failAt = fake.changes + n
            await goBack(fake).catch(() => undefined)
            if (fake.changes < fake.failAt) break
            fake.failAt = 0
          }
          await goBack(fake)
          expect({ how, n, look: look(fake) }).toEqual({ how, n, look: before })
          expect([...fake.timers]).toEqual([])
        }
      }
    },
    240_000,
  )

  it('within apply is tried once more, from what is observed', async () => {
    const fake = machine()
    await guarded(fake, desired())
    const before = look(fake)
    let attempts = 0
    const exec = fake.host.exec
    const host = {
      ...fake.host,
      exec: (async (argv, options) => {
        if (argv.includes('up') && ++attempts <= 2) return { code: 1, stdout: '', stderr: 'Docker is busy' }
        return exec(argv, options)
      }) satisfies typeof exec,
    }
    const result = await guarded(fake, desired({ hostname: 'other', rule: 3 }), { host })
    expect(result).toMatchObject({ ok: false, stage: 'apply', unrestored: [] })
    expect(attempts).toBe(3)
    expect(look(fake)).toEqual(before)
  })
})

describe('what waits to be confirmed', () => {
  it('is in use, and not what boot starts; the timer is armed throughout', async () => {
    const fake = machine()
    await guarded(fake, desired())
    let armed = false
    fake.onChange = (what) => {
      armed ||= fake.timers.size > 0
      if (armed) expect({ what, timers: fake.timers.size > 0 }).toEqual({ what, timers: true })
    }
    expect(await waiting(fake, desired({ rule: 2 }))).toMatchObject({ ok: true, waiting: true })
    expect(armed).toBe(true)
    expect([...fake.timers]).toEqual(['sekisho-guard-confirm'])
    expect(fake.tree('/etc/sekisho')).toMatchObject({
      '/etc/sekisho/current': '-> generations/2',
      '/etc/sekisho/confirmed': '-> generations/1',
    })
    expect(fake.text(PATHS.guard)).not.toContain(TOKEN)
    expect(fake.tree('/run')[PATHS.guard]).toMatch(/^600 /)
  })

  it('refuses another apply, with what to do', async () => {
    const fake = machine()
    await guarded(fake, desired())
    await waiting(fake, desired({ rule: 2 }))
    const before = look(fake)
    expect(await guarded(fake, desired({ rule: 3 }))).toMatchObject({
      ok: false,
      stage: 'unconfirmed',
      message: expect.stringMatching(/^generation 2 waits .* Fix: sekisho confirm .* sekisho rollback /),
    })
    // The same file would be no change, and is no confirmation.
    expect(await guarded(fake, desired({ rule: 2 }))).toMatchObject({ ok: false, stage: 'unconfirmed' })
    expect(look(fake)).toEqual(before)
  })

  it('is kept by its session, or by the token, and by nothing else', async () => {
    for (const [who, token, good] of [
      [SESSION, undefined, true],
      [{ anchors: ['900 5000', '812 4711'] }, undefined, true],
      [{ anchors: ['812 4712'] }, undefined, false],
      [{ anchors: [] }, undefined, false],
      [{ anchors: [] }, TOKEN, true],
      [{ anchors: [] }, TOKEN.toUpperCase().replaceAll('-', ' '), true],
      [SESSION, newToken(), false],
      [SESSION, '', false],
    ] as const) {
      const fake = machine()
      await guarded(fake, desired())
      await waiting(fake, desired({ rule: 2 }))
      const result = await confirm({ host: fake.host, session: who, ...(token !== undefined && { token }) })
      expect({ who, token, ok: result.ok }).toEqual({ who, token, ok: good })
      expect(fake.tree('/etc/sekisho')['/etc/sekisho/confirmed']).toBe(`-> generations/${good ? 2 : 1}`)
      expect(fake.timers.size).toBe(good ? 0 : 1)
      if (good) expect(await goBack(fake)).toEqual({ did: 'nothing' })
    }
  })

  it('is kept whole when who confirms it is killed', async () => {
    for (let n = 1; ; n++) {
      const fake = machine()
      await guarded(fake, desired())
      const old = look(fake)
      await waiting(fake, desired({ rule: 2 }))
      if (!(await killed(fake, n, () => confirm({ host: fake.host, session: SESSION })))) break
      const confirmed = fake.tree('/etc/sekisho')['/etc/sekisho/confirmed'] === '-> generations/2'
      await goBack(fake, { early: true })
      if (!confirmed) expect(look(fake)).toEqual(old)
      else expect(look(fake).files['/etc/sekisho/current']).toBe('-> generations/2')
      expect([...fake.timers]).toEqual([])
    }
  })

  it('is undone when its time is over, not before, and stays in the history with a mark', async () => {
    const fake = machine()
    await guarded(fake, desired())
    const before = look(fake)
    await waiting(fake, desired({ rule: 2, hostname: 'other' }))
    expect(await goBack(fake)).toMatchObject({ did: 'not yet' })
    expect(await goBack(fake, { early: true, why: 'asked for' })).toMatchObject({
      did: 'back',
      from: 2,
      to: 1,
    })
    expect(look(fake)).toEqual(before)
    expect(await readUndone(fake.host, 2)).toMatchObject({ why: 'asked for' })
    expect(await confirm({ host: fake.host, session: SESSION })).toMatchObject({ ok: false })

    await waiting(fake, desired({ rule: 3 }), 0)
    expect(await confirm({ host: fake.host, session: SESSION })).toMatchObject({
      ok: false,
      message: expect.stringContaining('not confirmed in time'),
    })
    expect(await goBack(fake)).toMatchObject({ did: 'back', from: 3, to: 1, failures: [] })
    expect(look(fake)).toEqual(before)
    expect(await readUndone(fake.host, 3)).toMatchObject({ why: 'it was not confirmed in time' })
    // What fell back is not what one goes back to.
    await guarded(fake, desired({ rule: 4 }))
    expect(await earlierGeneration(fake.host, undefined)).toMatchObject({
      ok: true,
      generation: { number: 1 },
    })
  })

  it('on the first apply of all goes back to the machine as it was', async () => {
    const fake = machine()
    const before = look(fake)
    expect(await waiting(fake, desired(), 0)).toMatchObject({ waiting: true })
    expect(await goBack(fake)).toMatchObject({ did: 'back', from: 1, to: undefined, failures: [] })
    expect(look(fake)).toEqual(before)
  })
})

describe('a boot that went back', () => {
  it('is made whole once Docker runs, also when that is cut short', async () => {
    for (let n = 1; ; n += STRIDE) {
      const fake = machine()
      await guarded(fake, desired())
      const before = look(fake)
      await guarded(fake, desired({ modules: ['dns', 'new'], rule: 2 }))
      // As boot.sh and the kernel leave it: links and rules are old, containers are as they were.
      fake.delete('/etc/sekisho/confirmed')
      fake.delete('/etc/sekisho/current')
      for (const link of ['confirmed', 'current'])
        await fake.host.symlink('generations/1', `/etc/sekisho/${link}`)
      const fell = { version: 1, phase: 'applying', to: 2, base: 2, why: 'the power went' }
      fake.put(PATHS.fellBack, JSON.stringify(fell))
      const ended = !(await killed(fake, n, () => goBack(fake)))
      if (!ended) expect(await goBack(fake)).not.toMatchObject({ did: 'not yet' })
      expect({ n, containers: Object.keys(look(fake).containers) }).toEqual({ n, containers: ['dns', 'log'] })
      expect({ n, look: look(fake) }).toEqual({ n, look: before })
      expect(await readUndone(fake.host, 2)).toMatchObject({ why: 'the power went' })
      if (ended) break
    }
  })
})

describe('what worked before', () => {
  const probes = (states: Record<string, () => string | undefined>) => () =>
    Object.entries(states).map(([name, saw]) => ({ name, run: async () => saw() }))

  it('must work again, or everything goes back, with the reason', async () => {
    const fake = machine()
    await guarded(fake, desired())
    const before = look(fake)
    const asked: string[] = []
    let broken = false
    const options = {
      againSecs: 0.1,
      onProgress: (line: string) => asked.push(line),
      probes: probes({
        DNS: () => (broken ? 'no answer' : undefined),
        WAN: () => 'no cable',
      }),
      ensureImages: async () => {},
    }
    fake.onChange = (what) => {
      if (what.startsWith('nft -f')) broken = true
    }
    const result = await guarded(fake, desired({ rule: 5 }), options)
    expect(result).toMatchObject({
      ok: false,
      stage: 'apply',
      details: ['DNS: no answer', expect.stringMatching(/^Fix: /)],
      unrestored: [],
    })
    expect(look(fake)).toEqual(before)
    expect(asked.join('\n')).toMatch(/looks at what works now: DNS, WAN[\s\S]*does not work.*: WAN/)
  })

  it('may take its time, and what did not work is not waited for', async () => {
    const fake = machine()
    await guarded(fake, desired())
    let looks = 0
    const result = await guarded(fake, desired({ rule: 5 }), {
      probes: probes({ DNS: () => (++looks === 2 ? 'no answer yet' : undefined), WAN: () => 'no cable' }),
    })
    expect(result).toMatchObject({ ok: true })
    expect(looks).toBe(3)
  })

  it('is not asked on a first apply', async () => {
    const fake = machine()
    const result = await guarded(fake, desired(), { probes: probes({ DNS: () => 'no answer' }) })
    expect(result).toMatchObject({ ok: true })
  })
})

describe('a generation on the disk', () => {
  it('is the desired state that it was made from', async () => {
    for (const state of [desired(), desired({ guest: true, modules: [], bridged: false })]) {
      const fake = machine()
      await run(fake, state)
      const generation = await readGeneration(fake.host, 1)
      if (!generation) throw new Error('no generation')
      const back = desiredOf(generation)
      expect(manifestOf(back)).toEqual(manifestOf(state))
      expect(back.files).toEqual(state.files)
      expect(await run(fake, back)).toMatchObject({ changed: false })
    }
  })

  it('can be gone back to as a new one', async () => {
    const fake = machine()
    await guarded(fake, desired())
    const before = look(fake)
    await guarded(fake, desired({ rule: 2, hostname: 'other', guest: true }))
    const found = await earlierGeneration(fake.host, undefined)
    if (!found.ok) throw new Error(found.message)
    expect(await guarded(fake, desiredOf(found.generation))).toMatchObject({ ok: true, plan: { to: 3 } })
    expect(withoutNumbers(look(fake))).toEqual(withoutNumbers(before))
    expect(await earlierGeneration(fake.host, 9)).toMatchObject({ ok: false })
    fake.put('/etc/sekisho/generations/2/sekisho.nft', 'by hand')
    expect(await earlierGeneration(fake.host, 2)).toMatchObject({
      ok: false,
      message: expect.stringContaining('sekisho.nft'),
    })
  })
})

async function settled(...states: readonly DesiredState[]) {
  const fake = machine()
  for (const state of states) await guarded(fake, state)
  return look(fake)
}

function withoutNumbers({ files, ...rest }: ReturnType<typeof look>) {
  const { '/etc/sekisho/current': _, '/etc/sekisho/confirmed': __, ...same } = files
  return { files: same, ...rest }
}
