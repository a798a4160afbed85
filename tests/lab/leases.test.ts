import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Lab, openLab } from '../../src/lab/lab.ts'
import { addressesOf } from './support/addresses.ts'
import { editedYaml } from './support/edit-yaml.ts'
import { isNoSpareImage, type MachineState, machineState, stateDiff } from './support/machine-state.ts'
import { applyYaml, baseline } from './support/router-yaml.ts'

/*
 * Kea's leases in MariaDB: there and back again, and through restarts of both; and `sekisho leases`, which asks Kea and
 * does not care where it keeps them.
 */

let lab: Lab
let laptop: string
let found: MachineState

beforeAll(async () => {
  lab = await openLab()
  await baseline(lab)
  laptop = (await addressesOf(lab.laptop)).v4
  found = await machineState(lab.router)
})
afterAll(() => baseline(lab))

/** What README tells a user to type; the laptop's row as it is in the database. */
async function selected(): Promise<string> {
  const query = 'SELECT INET_NTOA(address), hostname, HEX(hwaddr), expire, state FROM lease4'
  const rows = await lab.router.execOk([
    'docker',
    'exec',
    'sekisho-mariadb-1',
    'mariadb',
    'leases',
    '--execute',
    query,
  ])
  return rows.split('\n').find((row) => row.includes('laptop')) ?? `no laptop in:\n${rows}`
}

async function docker(action: 'restart' | 'stop' | 'start', ...modules: string[]): Promise<void> {
  for (const module of modules) await lab.router.execOk(['docker', action, `sekisho-${module}-1`])
}

interface Listed {
  readonly address: string
  readonly name: string
  readonly network: string
  readonly state: string
}

async function listed(): Promise<Listed[]> {
  return JSON.parse(await lab.router.execOk(['sekisho', 'leases', '--json'])) as Listed[]
}

const withDatabase = (lease_database: 'memfile' | 'mariadb') =>
  editedYaml(lab, (yaml) => {
    yaml.setIn(['modules', 'mariadb'], {})
    yaml.setIn(['modules', 'kea'], { lease_database })
  })

/** Kea answers again, and knows the laptop's lease. */
async function untilLaptopListed(): Promise<void> {
  await expect
    .poll(() => listed().catch(() => []), { timeout: 30_000, interval: 500 })
    .toContainEqual(expect.objectContaining({ address: laptop }))
}

describe('with lease_database: mariadb', () => {
  test('the lease that the laptop has is in the table', async () => {
    await applyYaml(lab, await withDatabase('mariadb'))
    expect(await selected()).toMatch(new RegExp(`^${laptop.replaceAll('.', '\\.')}\\tlaptop`))
    expect(await listed()).toContainEqual(
      expect.objectContaining({ address: laptop, name: 'laptop', network: 'home', state: 'in use' }),
    )
  })

  test('it stays, in whatever order MariaDB and Kea are restarted', async () => {
    const before = await selected()
    await docker('restart', 'mariadb', 'kea')
    await docker('restart', 'kea', 'mariadb')
    // Kea begins without its database, and waits.
    await docker('stop', 'mariadb')
    await docker('restart', 'kea')
    await docker('start', 'mariadb')
    await untilLaptopListed()
    expect(await selected()).toBe(before)
    await lab.renew('laptop')
    await expect.poll(selected, { timeout: 20_000, interval: 500 }).not.toBe(before)
    expect(await selected()).toMatch(new RegExp(`^${laptop.replaceAll('.', '\\.')}\\tlaptop`))
  })

  test('MariaDB ends by itself, also when it is told so while it starts', async () => {
    const exit = ['docker', 'inspect', '--format', '{{.State.ExitCode}}', 'sekisho-mariadb-1']
    for (const ms of [100, 200, 300, 400]) {
      await docker('restart', 'mariadb')
      await sleep(ms)
      await docker('stop', 'mariadb')
      expect(await lab.router.execOk(exit)).toBe('0\n')
    }
    await docker('start', 'mariadb')
    await untilLaptopListed()
  })

  test('sekisho leases shows, releases and reserves', async () => {
    expect(await lab.router.execOk(['sekisho', 'leases'])).toMatch(
      new RegExp(`^${laptop.replaceAll('.', '\\.')} +laptop\\S* +02:\\S+ +home +in `, 'm'),
    )
    const guest = (await listed()).find(({ network }) => network === 'guest')?.address ?? 'none'
    expect(await lab.router.execOk(['sekisho', 'leases', 'release', guest])).toContain(`Released ${guest}`)
    expect(await lab.router.exec(['sekisho', 'leases', 'release', guest])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Fix: '),
    })
    expect((await listed()).map(({ address }) => address)).not.toContain(guest)
    // The agent hears of it, and of the new one, and names follow.
    const named = async () => (await lab.laptop.execOk(['dig', '+short', 'guest1.home.arpa', 'A'])).trim()
    await expect.poll(named, { timeout: 20_000, interval: 500 }).toBe('')
    await lab.renew('guest1')
    await expect.poll(named, { timeout: 20_000, interval: 500 }).toMatch(/^10\.0\.1\./)

    const before = await lab.router.execOk(['cat', '/etc/sekisho/router.yaml'])
    const said = await lab.router.execOk(['sekisho', 'leases', 'reserve', 'laptop', '--address', '10.0.0.50'])
    expect(said).toContain('Now: sekisho apply')
    const after = await lab.router.execOk(['cat', '/etc/sekisho/router.yaml'])
    const added = after.split('\n').filter((line) => !before.split('\n').includes(line))
    expect(added).toEqual([
      '      reservations:',
      expect.stringMatching(/^ {8}- \{ name: laptop, mac: "02:[0-9a-f:]+", address: 10\.0\.0\.50 \}$/),
    ])
    expect((await lab.router.exec(['sekisho', 'plan'])).code).toBe(2)
    // The router's own address is nobody's, and the file stays as it is.
    const { v4: phone } = await addressesOf(lab.phone)
    const refused = await lab.router.exec(['sekisho', 'leases', 'reserve', phone, '--address', '10.0.0.1'])
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("router's own address") })
    expect(await lab.router.execOk(['cat', '/etc/sekisho/router.yaml'])).toBe(after)
  })

  test('back in the file, it is the same lease', async () => {
    const before = await selected()
    await applyYaml(lab, await withDatabase('memfile'))
    const file = await lab.router.execOk(['cat', '/var/lib/sekisho/kea/leases/kea-leases4.csv'])
    expect(file).toMatch(new RegExp(`^${laptop.replaceAll('.', '\\.')},.*,laptop`, 'm'))
    expect(await listed()).toContainEqual(expect.objectContaining({ address: laptop, name: 'laptop' }))
    // What the database has from now on is of yesterday.
    expect(await selected()).toBe(before)
    await lab.renew('laptop')
    expect((await addressesOf(lab.laptop)).v4).toBe(laptop)
  })
})

test('mariadb taken out again leaves its data, and purged nothing', async () => {
  await baseline(lab)
  await lab.router.execOk(['test', '-s', '/var/lib/sekisho/mariadb/secrets/leases'])
  await lab.router.execOk(['sekisho', 'purge', '--yes', 'mariadb'])
  // Kea could reach it, and so was made again.
  const left = stateDiff(found, await machineState(lab.router))
  const strange = left.filter((line) => !/^containers: . .* sekisho-kea-1$/.test(line))
  expect(strange.filter(isNoSpareImage)).toEqual([])
})
