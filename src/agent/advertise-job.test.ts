import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { AdvertiseJob } from './advertise-job.ts'
import * as wanState from './wan-state.ts'

vi.mock(import('./wan-state.ts'), { spy: true })

let dir: string
let run: string
const path = process.env.PATH

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sekisho-ra-'))
  run = join(dir, 'network')
  await mkdir(join(dir, 'bin'))
  await networkctl('echo "$@" >>"$0.calls"')
  process.env.PATH = `${dir}/bin:${path}`
})
afterEach(async () => {
  process.env.PATH = path
  vi.useRealTimers()
  await rm(dir, { recursive: true, force: true })
})

/** Stands in for systemd's program. */
async function networkctl(script: string): Promise<void> {
  await writeFile(join(dir, 'bin/networkctl'), `#!/bin/sh\n${script}\n`)
  await chmod(join(dir, 'bin/networkctl'), 0o755)
}

async function calls(): Promise<string[]> {
  const text = await readFile(join(dir, 'bin/networkctl.calls'), 'utf8').catch(() => '')
  return text.split('\n').filter((line) => line !== '')
}

function route6(present: boolean): void {
  vi.mocked(wanState.readWanState).mockReturnValue({
    device: 'wan0',
    carrier: true,
    addresses: [],
    defaultRoute4: true,
    defaultRoute6: present,
  })
}

function job(): AdvertiseJob {
  const network = { device: 'x', prefix: '10.0.0.0/24', reservations: [] }
  const config = {
    version: 1,
    hostname: 'gate',
    domain: 'home.arpa',
    wan: { device: 'wan0', mode: 'dhcp', watchdog: true },
    networks: [
      { name: 'home', ...network, advertise: true },
      { name: 'guest', ...network, advertise: true },
      { name: 'lab', ...network, advertise: false },
    ],
  } as const
  return new AdvertiseJob(config, run, join(dir, 'state/advertised.json'))
}

const HOME = '10-sekisho-home.network.d'
const GUEST = '10-sekisho-guest.network.d'

describe('AdvertiseJob', () => {
  test('a route makes the drop-ins and one reload; its loss takes them away', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const advertise = job()
    route6(true)
    await advertise.run()
    expect((await readdir(run)).sort()).toEqual([GUEST, HOME])
    expect(await readFile(join(run, HOME, '50-ra.conf'), 'utf8')).toContain(
      '[IPv6SendRA]\nRouterLifetimeSec=1800\n',
    )
    expect(await calls()).toEqual(['reload'])
    for (let i = 0; i < 100; i++) {
      vi.advanceTimersByTime(2000)
      await advertise.run()
    }
    expect(await calls()).toEqual(['reload'])

    route6(false)
    await advertise.run()
    expect(advertise.status()).toBe(true)
    vi.advanceTimersByTime(5000)
    await advertise.run()
    expect(advertise.status()).toBe(false)
    expect(await readdir(run)).toEqual([])
    expect(await calls()).toEqual(['reload', 'reload'])
  })

  test('a route that flaps costs a reload in ten seconds at most', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const advertise = job()
    for (let second = 0; second < 120; second++) {
      route6(Math.floor(second / 7) % 2 === 0)
      await advertise.run()
      vi.advanceTimersByTime(1000)
    }
    expect((await calls()).length).toBeLessThanOrEqual(12)
    expect((await calls()).length).toBeGreaterThan(3)
  })

  test('leaves others’ files alone, and clears those of networks that are no more', async () => {
    const old = join(run, '10-sekisho-old.network.d')
    await mkdir(old, { recursive: true })
    await writeFile(join(old, '50-ra.conf'), '')
    await mkdir(join(run, HOME), { recursive: true })
    await writeFile(join(run, HOME, '60-mine.conf'), 'kept')
    await mkdir(join(run, 'other.network.d'))
    await writeFile(join(run, 'other.network.d/50-ra.conf'), 'kept')
    route6(false)
    await job().run()
    expect((await readdir(run)).sort()).toEqual([HOME, 'other.network.d'])
    expect(await readdir(join(run, HOME))).toEqual(['60-mine.conf'])
    expect(await readdir(join(run, 'other.network.d'))).toEqual(['50-ra.conf'])
  })

  test('a prefix of before, that is there no more, is called off', async () => {
    const gone = {
      network: 'home',
      prefix: '2001:0db8:0100:0001::/64',
      goneAt: Math.floor(Date.now() / 1000) - 60,
    }
    // A network that was taken out of router.yaml may come back; meanwhile there is nobody to tell.
    const away = { ...gone, network: 'gone', goneAt: gone.goneAt - 1 }
    await mkdir(join(dir, 'state'))
    await writeFile(join(dir, 'state/advertised.json'), JSON.stringify([gone, away]))
    route6(false)
    await job().run()
    expect(await readdir(run)).toEqual([HOME])
    const text = await readFile(join(run, HOME, '50-ra.conf'), 'utf8')
    expect(text).toContain(
      '[IPv6Prefix]\nPrefix=2001:0db8:0100:0001::/64\nPreferredLifetimeSec=0\nValidLifetimeSec=0\n',
    )
    expect(text).not.toContain('RouterLifetimeSec')
    expect(JSON.parse(await readFile(join(dir, 'state/advertised.json'), 'utf8'))).toEqual([gone, away])
  })

  test('a reload that fails is an error until it works', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    await networkctl('echo "no bus" >&2; exit 1')
    const advertise = job()
    route6(true)
    await expect(advertise.run()).rejects.toThrow('no bus')
    vi.advanceTimersByTime(2000)
    await expect(advertise.run()).rejects.toThrow('no bus')
    await networkctl('echo "$@" >>"$0.calls"')
    vi.advanceTimersByTime(10_000)
    await advertise.run()
    expect(await calls()).toEqual(['reload'])
  })
})
