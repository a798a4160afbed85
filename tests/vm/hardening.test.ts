import { beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { Lab } from '../../src/lab/lab.ts'
import { openVm, PATIENCE_MS, untilHealthy } from './support/vm.ts'

/*
 * Every container as Debian's kernel runs it: what its processes may do is what its module asks for and nothing more.
 * That is written here once more, so that a review sees it when a module asks for more.
 */

/** Numbers of capabilities(7) that modules ask for. */
const NUMBERS = { SETPCAP: 8, NET_BIND_SERVICE: 10, NET_ADMIN: 12, NET_RAW: 13 } as const
type Capability = keyof typeof NUMBERS

interface Wanted {
  /** What Docker gives the first process. */
  readonly given: readonly Capability[]
  /** What its processes have at work, at most; the default is what was given. */
  readonly kept?: readonly Capability[]
}

const WANTED: Readonly<Record<string, Wanted>> = {
  chrony: { given: ['NET_BIND_SERVICE'] },
  // Root, as the records' owner, and without a single capability.
  dashboard: { given: [] },
  kea: { given: ['NET_BIND_SERVICE', 'NET_RAW'] },
  // It raises its receive buffer with the first, and gives both up before it reads anything.
  recorder: { given: ['NET_ADMIN', 'SETPCAP'], kept: [] },
  unbound: { given: ['NET_BIND_SERVICE'] },
  // Its first process opens sockets for others, which read packets without.
  watch: { given: ['NET_ADMIN', 'NET_RAW', 'SETPCAP'] },
}

const Container = z.object({
  Id: z.string(),
  Name: z.string(),
  AppArmorProfile: z.string(),
  State: z.object({ Pid: z.int().positive() }),
  HostConfig: z.object({
    CapAdd: z.array(z.string()).nullable(),
    CapDrop: z.array(z.string()).nullable(),
    CgroupnsMode: z.string(),
    Privileged: z.boolean(),
    ReadonlyRootfs: z.boolean(),
    SecurityOpt: z.array(z.string()).nullable(),
    PidMode: z.string(),
    Devices: z.array(z.unknown()).nullable(),
  }),
})

interface Process {
  readonly pid: number
  readonly status: Readonly<Record<string, string>>
  readonly profile: string
  readonly cgroup: string
  readonly root: string
}

let lab: Lab
let containers: ReadonlyMap<string, z.output<typeof Container>>
let processes: ReadonlyMap<string, readonly Process[]>

beforeAll(async () => {
  ;({ lab } = await openVm())
  await untilHealthy(lab)
  const ids = (await lab.router.execOk(['docker', 'ps', '--quiet'])).trim().split('\n')
  const said = z.array(Container).parse(JSON.parse(await lab.router.execOk(['docker', 'inspect', ...ids])))
  containers = new Map(said.map((one) => [one.Name.replace(/^\/sekisho-(.*)-1$/, '$1'), one]))
  processes = new Map(
    await Promise.all([...containers].map(async ([name, { Id }]) => [name, await processesOf(Id)] as const)),
  )
}, 2 * PATIENCE_MS)

/** All processes of a container, from its cgroup and the kernel's view of each. */
async function processesOf(id: string): Promise<Process[]> {
  const script = `for pid in $(cat /sys/fs/cgroup/system.slice/docker-"$1".scope/cgroup.procs); do
  echo "=== $pid"; cat /proc/$pid/status
  echo "profile: $(cat /proc/$pid/attr/apparmor/current)"; echo "cgroup: $(cat /proc/$pid/cgroup)"
  echo "root: $(awk '$5 == "/" { print $6 }' /proc/$pid/mountinfo)"
done`
  const said = await lab.router.execOk(['sh', '-c', script, 'look', id])
  return (
    said
      .split('=== ')
      .slice(1)
      .map((text) => {
        const [pid = '', ...lines] = text.split('\n')
        const status = Object.fromEntries(
          lines.flatMap((line) => {
            const at = line.indexOf(':')
            return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1).trim()]]
          }),
        )
        const { profile = '', cgroup = '', root = '' } = status
        return { pid: Number(pid), status, profile, cgroup, root }
      })
      // One that ended meanwhile: a check of health.
      .filter(({ status, root }) => status.CapBnd !== undefined && root !== '')
  )
}

function mask(names: readonly Capability[]): bigint {
  return names.reduce((sum, name) => sum | (1n << BigInt(NUMBERS[name])), 0n)
}

test('the kernel has what confines them: AppArmor, and cgroup v2 alone', async () => {
  expect((await lab.router.execOk(['cat', '/sys/module/apparmor/parameters/enabled'])).trim()).toBe('Y')
  expect((await lab.router.execOk(['stat', '-fc', '%T', '/sys/fs/cgroup'])).trim()).toBe('cgroup2fs')
  const profiles = await lab.router.execOk(['cat', '/sys/kernel/security/apparmor/profiles'])
  expect(profiles).toContain('docker-default (enforce)')
})

test('every container is in the table, and no other runs', () => {
  expect([...containers.keys()].sort()).toEqual(Object.keys(WANTED))
})

describe.each(Object.entries(WANTED))('%s', (name, { given, kept = given }) => {
  const container = () => {
    const found = containers.get(name)
    if (found === undefined) throw new Error(`${name} does not run`)
    return found
  }
  const all = () => {
    const found = processes.get(name) ?? []
    expect(found.map(({ pid }) => pid)).toContain(container().State.Pid)
    return found
  }

  test('is made with the capabilities of its module and no other privilege', () => {
    const { HostConfig, AppArmorProfile } = container()
    expect((HostConfig.CapAdd ?? []).map((cap) => cap.replace(/^CAP_/, '')).sort()).toEqual([...given].sort())
    expect(HostConfig.CapDrop).toEqual(['ALL'])
    expect(HostConfig).toMatchObject({
      CgroupnsMode: 'private',
      Privileged: false,
      ReadonlyRootfs: true,
      PidMode: '',
    })
    expect(HostConfig.Devices ?? []).toEqual([])
    expect(HostConfig.SecurityOpt).toEqual(['no-new-privileges:true'])
    expect(AppArmorProfile).toBe('docker-default')
  })

  test('has no process with a capability beyond that', () => {
    for (const { pid, status } of all()) {
      for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
        expect({ pid, set, beyond: BigInt(`0x${status[set]}`) & ~mask(kept) }).toEqual({
          pid,
          set,
          beyond: 0n,
        })
    }
  })

  test('has its first process with exactly that', () => {
    const first = all().find(({ pid }) => pid === container().State.Pid)
    expect(BigInt(`0x${first?.status.CapBnd}`)).toBe(mask(kept))
  })

  test('is confined by AppArmor and seccomp, gains no privileges, and its root is read-only', () => {
    for (const { status, profile, root, cgroup } of all()) {
      expect(profile).toBe('docker-default (enforce)')
      expect(status).toMatchObject({ NoNewPrivs: '1', Seccomp: '2' })
      expect(root.split(',')).toContain('ro')
      expect(cgroup).toBe(`0::/system.slice/docker-${container().Id}.scope`)
    }
  })

  test('sees no other cgroup than its own', async () => {
    const { Pid } = container().State
    const seen = await lab.router.execOk(['nsenter', '-t', String(Pid), '-C', 'cat', `/proc/${Pid}/cgroup`])
    expect(seen).toBe('0::/\n')
  })
})
