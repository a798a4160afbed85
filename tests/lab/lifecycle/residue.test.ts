import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { type Lab, openLab } from '../../../src/lab/lab.ts'
import { runOk } from '../../../src/lib/run.ts'
import { MODULES } from '../../../src/modules.ts'
import { allOptions, OPTION_EDITS, optionsIn, SECRET_FILES, withEdits } from '../../option-edits.ts'
import { editedYaml } from '../support/edit-yaml.ts'
import { isNoSpareImage, type MachineState, machineState, stateDiff } from '../support/machine-state.ts'
import { applyYaml, baseline, baselineYaml, SERVICES } from '../support/router-yaml.ts'

/*
 * What is taken out of router.yaml leaves nothing behind. Each test looks at the whole machine, adds or removes
 * something, applies, takes that back, applies, and wants to see the same machine again.
 */

let lab: Lab

beforeAll(async () => {
  lab = await openLab()
})
beforeEach(() => baseline(lab))
afterAll(() => baseline(lab))

/** Copies a module of examples/modules to the router, as a user would who wrote one. */
async function copyModule(name: string): Promise<void> {
  const tar = await runOk(['tar', '-C', join(lab.places.checkout, 'examples/modules'), '-cf', '-', name])
  await lab.router.execOk(['sh', '-c', 'mkdir -p /root/modules && tar -xf - -C /root/modules'], {
    input: tar,
  })
}

/** The state with the containers of these services known by name and not by id: they were made again. */
function remade(state: MachineState, ...services: readonly string[]): MachineState {
  const containers = state.containers.map((line) =>
    services.some((service) => line.endsWith(` sekisho-${service}-1`)) ? line.replace(/^\S+ /, '') : line,
  )
  const known = { ...state, containers: containers.sort() }
  return services.includes('dashboard') ? networkRemade(known) : known
}

/** The state with the containers' network by kind: with its first container, Docker numbers bridge, subnet and MAC address anew. */
function networkRemade(state: MachineState): MachineState {
  const steady = (line: string) =>
    line
      .replaceAll(/\bbr-[0-9a-f]{12}\b/g, 'br-N')
      .replace(/^[0-9a-f]{12}(?= sekisho_containers$)/, 'N')
      .replaceAll(/\b172\.30\.\d+\.\d+/g, '172.30.N')
      .replaceAll(/\b02:42(:[0-9a-f]{2}){4}\b/g, '02:42:N')
      .replaceAll(/\bfe80::42:\S+/g, 'fe80::42:N')
  return Object.fromEntries(
    Object.entries(state).map(([part, value]: [string, string | readonly string[]]) => [
      part,
      typeof value === 'string' ? value.split('\n').map(steady).join('\n') : value.map(steady).sort(),
    ]),
  ) as unknown as MachineState
}

describe("a user's own module", () => {
  test('added and removed, it leaves the file tree, the ruleset and docker ps as they were', async () => {
    await copyModule('hello')
    const before = await machineState(lab.router)

    const yaml = await baselineYaml(lab, '  hello: { path: /root/modules/hello }\n')
    await applyYaml(lab, yaml)
    const page = await lab.laptop.execOk(['curl', '-sS', '--max-time', '5', 'http://10.0.0.1:8080/'])
    expect(page).toBe('hello\n')
    const during = await machineState(lab.router)
    expect(during.ruleset).not.toBe(before.ruleset)
    // What has nothing to do with it is not touched.
    expect(during.containers).toEqual(expect.arrayContaining([...before.containers]))
    expect(during.containers).toHaveLength(before.containers.length + 1)

    await baseline(lab)
    expect(stateDiff(before, await machineState(lab.router))).toEqual([])
  })

  test('added, removed and added again, it works', async () => {
    const yaml = await baselineYaml(lab, '  hello: { path: /root/modules/hello, greeting: again }\n')
    await applyYaml(lab, yaml)
    const page = await lab.laptop.execOk(['curl', '-sS', '--max-time', '5', 'http://10.0.0.1:8080/'])
    expect(page).toBe('again\n')
    await baseline(lab)
  })
})

describe('a shipped module', () => {
  /** Where it listens, which others read of it in their own configuration and so are made again, and who needs it. */
  const modules = [
    { name: 'chrony', listens: ['0.0.0.0:123'], others: ['dashboard', 'kea', 'unbound'], neededBy: [] },
    { name: 'recorder', listens: [], others: ['dashboard', 'watch'], neededBy: ['dashboard', 'watch'] },
    { name: 'kea', listens: ['10.0.0.1:67', '10.0.1.1:67'], others: ['dashboard'], neededBy: [] },
    {
      name: 'unbound',
      listens: ['10.0.0.1:53', '127.0.0.1:53'],
      others: ['chrony', 'dashboard', 'kea'],
      neededBy: [],
    },
    { name: 'dashboard', listens: ['0.0.0.0:80', '0.0.0.0:443'], others: [], neededBy: [] },
  ] as const

  test('every one of them is here, or comes and goes as an option', () => {
    const here = modules.flatMap(({ name, neededBy }): string[] => [name, ...neededBy])
    const options = OPTION_EDITS.flatMap(({ patch, beside = {} }) =>
      [patch, beside].flatMap((part) => ('modules' in part ? Object.keys(part.modules ?? {}) : [])),
    )
    const all = new Set([...here, ...options])
    expect([...all].toSorted()).toEqual(MODULES.map(({ name }) => name).toSorted())
  })

  test.each(modules)(
    '$name: removed, it is gone and its data stays; added again, all is as before',
    async ({ name, listens, others, neededBy }) => {
      const before = await machineState(lab.router)
      const data = (await lab.router.execOk(['find', `/var/lib/sekisho/${name}`, '-type', 'f'])).trim()

      const without = await editedYaml(lab, (yaml) => {
        for (const module of [name, ...neededBy]) yaml.deleteIn(['modules', module])
      })
      await lab.writeRouterYaml(without)
      const planned = await lab.router.exec(['sekisho', 'plan'])
      expect(planned.code).toBe(2)
      expect(planned.stdout).toContain(`Data of ${name} stays in /var/lib/sekisho/${name}/`)
      await applyYaml(lab, without)

      const during = await machineState(lab.router)
      const mentions = [
        ...during.files.filter((line) => /^\/(etc|run|var)\//.test(line)),
        ...during.generation,
      ].filter((line) =>
        new RegExp(`/modules/${name}/|/run/sekisho/${name}\\b|sekisho-${name}\\b`).test(line),
      )
      expect(mentions).toEqual([])
      const gone = [name, ...neededBy].map((module) => ` sekisho-${module}-1`)
      const rest = remade(before, ...others).containers.filter(
        (line) => !gone.some((container) => line.endsWith(container)),
      )
      expect(remade(during, ...others).containers).toEqual(rest)
      expect(during.ruleset).not.toContain(`comment "${name}: `)
      for (const socket of listens) {
        expect(before.sockets.map((line) => line.split(' ')[1])).toContain(socket)
        expect(during.sockets.map((line) => line.split(' ')[1])).not.toContain(socket)
      }
      for (const file of data.split('\n').filter((line) => line !== '')) {
        expect((await lab.router.exec(['test', '-e', file])).code, file).toBe(0)
      }

      await baseline(lab)
      const after = await machineState(lab.router)
      expect(stateDiff(remade(before, name, ...others), remade(after, name, ...others))).toEqual([])
    },
  )
})

describe('an option', () => {
  test('a network of its own for one port, and another number for a network', async () => {
    const before = await machineState(lab.router)
    const yaml = await editedYaml(lab, (document) => {
      document.setIn(['networks', 'home', 'interfaces'], ['lan0'])
      document.setIn(['networks', 'office'], {
        interfaces: ['lan2'],
        address: '10.0.2.1/24',
        subnet_id: 3,
        dhcp: { pools: ['10.0.2.129 - 10.0.2.254'] },
      })
      document.setIn(['networks', 'guest', 'subnet_id'], 9)
    })
    // A host that is sure of our Ethernet address for long: it has to hear that it is another one.
    const reachable = 'net.ipv4.neigh.eth0.base_reachable_time_ms'
    const sure = (ms: number) => lab.laptop.execOk(['sysctl', '-qw', `${reachable}=${ms}`])
    onTestFinished(async () => void (await sure(30_000)))
    await sure(600_000)
    await lab.laptop.execOk(['ip', 'neighbour', 'flush', 'all'])
    const ping = () => lab.laptop.execOk(['ping', '-c', '1', '-W', '2', '10.0.0.1'])
    await ping()

    await applyYaml(lab, yaml)
    await ping()
    await expect
      .poll(() => lab.router.execOk(['ip', '-6', 'route', 'show', 'dev', 'lan1']), { timeout: 20_000 })
      .toContain('2001:db8:100:9::/64')
    expect(await lab.router.execOk(['ip', '-6', 'route', 'show', 'dev', 'lan1'])).not.toContain(':100:2::')
    expect(await lab.router.execOk(['ip', '-o', 'address', 'show', 'dev', 'lan2'])).toContain('10.0.2.1/24')
    await lab.renew('phone')
    await expect
      .poll(() => lab.phone.execOk(['ip', '-o', '-4', 'address']), { timeout: 30_000, interval: 500 })
      .toContain(' 10.0.2.')

    await baseline(lab)
    await ping()
    await lab.renew('phone')
    await expect
      .poll(() => lab.phone.execOk(['ip', '-o', '-4', 'address']), { timeout: 30_000, interval: 500 })
      .toContain(' 10.0.0.')
    // Prefixes come with the next message of networkd's own, some seconds after.
    const same = (state: MachineState) => remade(state, ...SERVICES)
    await expect
      .poll(async () => stateDiff(same(before), same(await machineState(lab.router))), {
        timeout: 30_000,
        interval: 3000,
      })
      .toEqual([])
  })
})

describe('every option that the lab can have', () => {
  const everything = (state: MachineState): MachineState => {
    const parts = remade(state, ...SERVICES)
    const steady = (lines: readonly string[]) => lines.filter((line) => !FOREIGN.test(line))
    return { ...parts, addresses: steady(parts.addresses), routes: steady(parts.routes) }
  }
  /** What the DHCP client that the machine had before us made for itself; it goes with the port's MAC address. */
  const FOREIGN = / fe80::(?!5eff:)\S*[ /].*wan0|wan0 .* fe80::(?!5eff:)/

  beforeAll(async () => {
    // What options name.
    await lab.router.execOk(['mkdir', '-p', '/root/docker/containers'])
    for (const name of ['root.key', 'root.hints'])
      await lab.router.execOk(['cp', `/etc/sekisho/dns/${name}`, `/root/${name}`])
    for (const [path, text] of Object.entries(SECRET_FILES)) await lab.router.writeFile(path, text, '0400')
  })

  test.each(['dhcp', 'static'] as const)(
    'all of those beside %s, at once',
    async (group) => {
      const edits = OPTION_EDITS.filter((edit) => edit.group === group)
      const before = everything(await machineState(lab.router))
      // A WAN on a port where there is no provider does not work, and would be undone.
      await applyYaml(lab, withEdits(await baselineYaml(lab), edits), ['--no-health'])
      const during = everything(await machineState(lab.router))
      for (const part of ['files', 'generation', 'addresses', 'links', 'routes'] as const)
        expect(during[part], part).not.toEqual(before[part])

      await baseline(lab)
      // Leases and prefixes come with the next message of the provider's, some seconds after.
      await expect
        .poll(
          async () => stateDiff(before, everything(await machineState(lab.router))).filter(isNoSpareImage),
          {
            timeout: 45_000,
            interval: 2000,
          },
        )
        .toEqual([])
    },
    300_000,
  )

  test('the lab has every option, but those it cannot', async () => {
    const yaml = await baselineYaml(lab)
    const tried = OPTION_EDITS.filter((edit) => edit.group !== 'elsewhere')
    const untried = OPTION_EDITS.filter((edit) => edit.notInTheLab !== undefined)
    const listed = new Set([...optionsIn(yaml, tried), ...optionsIn(yaml, untried), 'version'])
    expect(allOptions().filter((option) => !listed.has(option))).toEqual([])
  })
})
