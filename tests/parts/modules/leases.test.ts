import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { keaLeases } from '../../../src/agent/kea-client.ts'
import { kea } from '../../../src/modules/kea/module.ts'
import { mariadb } from '../../../src/modules/mariadb/module.ts'
import type { ModuleOutput, Provided } from '../../../src/router/module.ts'
import { contextFor, HOME, sampleRouter } from '../../sample-router.ts'
import { Bed, type Service } from './bed.ts'

/*
 * Kea's leases in its own file and in MariaDB, from one to the other and back, with names that nobody should trust.
 */

const FULL = process.env.SEKISHO_FULL === '1'
const ROUTER = sampleRouter({ networks: [HOME] })

/** As a client could never call itself through our Kea; another program's file may have any of it. */
const HOSTILE = [
  "x'); DROP TABLE lease4; -- ",
  'a\\',
  '"; \\! touch /run/kea/escaped',
  'comma, and &#x2c too',
  'tab\there\nand a line',
  '日本',
  "\\'",
] as const

const HEADER =
  'address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context,pool_id'
const EXPIRE = Math.floor(Date.now() / 1000) + 40_000

/** A line of Kea's lease file (Kea escapes what its file cannot hold as "&#x2c"). */
function line(last: number, hostname: string, lifetime = 43_200, state = 0): string {
  const mac = `02:00:5e:10:01:${last.toString(16).padStart(2, '0')}`
  const name = hostname.replace(
    /&(?=#x)|[,\t\n]/g,
    (c) => `&#x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
  return `10.0.0.${last},${mac},01:${mac},${lifetime},${EXPIRE},1,0,0,${name},${state},,0`
}

let bed: Bed
let database: Service
let outputs: Record<'alone' | 'memfile' | 'mariadb', ModuleOutput>

beforeAll(async () => {
  bed = await Bed.open(['kea', 'mariadb'])
  database = await bed.start('mariadb', mariadb.build(contextFor(mariadb, {}, ROUTER)))
  const [endpoint] = Object.values(mariadb.provides?.({}, ROUTER) ?? {})
  const provided: Provided = {
    ...endpoint,
    capability: 'lease-database',
    module: 'mariadb',
    socket: join(database.folder, 'run/mysqld.sock'),
    file: join(database.folder, 'secrets/leases'),
  }
  const build = (lease_database: string, all: readonly Provided[]) =>
    kea.build(contextFor(kea, { lease_database }, ROUTER, all))
  outputs = {
    alone: build('memfile', []),
    memfile: build('memfile', [provided]),
    mariadb: build('mariadb', [provided]),
  }
}, 600_000)
afterAll(() => bed?.close())

async function sql(statement: string): Promise<string[]> {
  const { code, stdout, stderr } = await database.exec(['mariadb', '-N', 'leases', '-e', statement])
  expect(code, stderr).toBe(0)
  return stdout.trimEnd().split('\n')
}

const names = (service: Service) =>
  keaLeases(join(service.folder, 'run/kea4.sock')).then((leases) =>
    Object.fromEntries(leases.map(({ address, hostname }) => [address, hostname])),
  )

describe('mariadb', () => {
  it('is healthy in its own time, and its password is for root alone', async () => {
    await database.healthy(60_000)
    const secret = await stat(join(database.folder, 'secrets/leases'))
    expect([secret.uid, (secret.mode & 0o777).toString(8)]).toEqual([0, '400'])
    expect(await bed.check('mariadb', mariadb.build(contextFor(mariadb, {}, ROUTER)))).toMatchObject([
      { code: 0 },
    ])
    const { files, ...rest } = mariadb.build(contextFor(mariadb, {}, ROUTER))
    const wrong = files.map((file) => ({ ...file, text: file.text.replace('tmpdir', 'tmpdirr') }))
    const [result] = await bed.check('mariadb', { ...rest, files: wrong })
    expect(result?.code).not.toBe(0)
    expect(`${result?.stdout}${result?.stderr}`).toContain('tmpdirr')
  })

  it('listens on no port, and lets nobody in who does not know the password', async () => {
    expect(await bed.on('router', ['ss', '-Hlnt'])).toBe('')
    expect(await sql("SELECT COUNT(*) FROM mysql.global_priv WHERE user = ''")).toEqual(['0'])
    const { code, stderr } = await database.exec(['mariadb', '--user=leases', '-e', 'SELECT 1'])
    expect(code).not.toBe(0)
    expect(stderr).toContain('Access denied')
  })

  it('upgrades its own tables when it is another version than that which wrote them', async () => {
    await writeFile(join(database.folder, 'data/db/mariadb_upgrade_info'), '10.11.1-MariaDB\n')
    await database.restart()
    await database.healthy(60_000)
    expect(await database.logs()).toMatch(/the data are of 10\.11\.1-MariaDB, and this is 11\.8\.\d+-MariaDB/)
    expect(await readFile(join(database.folder, 'data/db/mariadb_upgrade_info'), 'utf8')).toMatch(/^11\.8\./)
  })
})

describe('leases go', () => {
  let service: Service
  const started = async (which: keyof typeof outputs, folder?: string) => {
    await service?.remove()
    service = await bed.start('kea', outputs[which], folder)
    await service.healthy(60_000)
  }

  const given = Object.fromEntries(HOSTILE.map((name, i) => [`10.0.0.${10 + i}`, name]))
  /** Kea takes all names for ASCII, and says them in lower case. */
  const said = Object.fromEntries(
    Object.entries(given).map(([address, name]) => [
      address,
      Buffer.from(name.toLowerCase()).toString('latin1'),
    ]),
  )

  it('from the file into the database, whatever clients call themselves', async () => {
    await started('alone')
    const { folder } = service
    await service.remove()
    const all = HOSTILE.map((name, i) => line(10 + i, name))
    // What Kea's cleaning-up process left: older than the file, which has the last word.
    await writeFile(
      join(folder, 'leases/kea-leases4.csv.2'),
      `${HEADER}\n${line(10, 'old')}\n${line(40, 'kept')}\n`,
    )
    await writeFile(
      join(folder, 'leases/kea-leases4.csv'),
      `${HEADER}\n${all.join('\n')}\n${line(30, 'gone')}\n${line(30, 'gone', 0)}\nnot a lease\n${line(31, 'cut off').slice(0, 20)}`,
    )
    service = await bed.start('kea', outputs.mariadb, folder)
    await service.healthy(60_000)
    expect(await names(service)).toEqual({ ...said, '10.0.0.40': 'kept' })
    expect(await sql('SELECT INET_NTOA(address), HEX(hostname) FROM lease4 ORDER BY address')).toEqual(
      [...Object.entries(given), ['10.0.0.40', 'kept']].map(
        ([address, name]) =>
          `${address}\t${Buffer.from(name ?? '')
            .toString('hex')
            .toUpperCase()}`,
      ),
    )
    expect(await service.logs()).toMatch(/kea-leases4.csv: line \d+ is no lease/)
    expect(await service.exec(['test', '-e', '/run/kea/escaped'])).toMatchObject({ code: 1 })
  })

  it('on while the database is away, and again when it is back', async () => {
    await database.crash()
    expect(await service.health()).toMatchObject({ code: 0 })
    await database.healthy(60_000)
    await expect.poll(() => names(service).catch(() => ({})), { timeout: 20_000 }).toMatchObject(said)
    const restarts = await service.restarts()
    await database.restart()
    await service.restart()
    await service.healthy(60_000)
    expect(await names(service)).toMatchObject(said)
    expect(await service.restarts()).toBe(restarts)
  })

  it('into the copy, which a backup takes and a lost database begins with', async () => {
    await sql("DELETE FROM lease4 WHERE hostname = 'kept'")
    await expect
      .poll(() => readFile(join(service.folder, 'leases/kea-leases4.csv'), 'utf8'), { timeout: 10_000 })
      .toBe(`${[HEADER, ...HOSTILE.map((name, i) => line(10 + i, name))].join('\n')}\n`)
    await sql('DROP DATABASE leases; CREATE DATABASE leases')
    await service.restart()
    // And it ends without a word while its tables are made.
    await expect.poll(() => sql('SHOW TABLES'), { timeout: 20_000, interval: 50 }).toContain('lease4')
    await database.crash()
    await database.healthy(60_000)
    expect(await sql('SHOW TABLES')).not.toContain('sekisho_ready')
    await service.healthy(60_000)
    expect(await sql('SHOW TABLES')).toContain('sekisho_ready')
    expect(await names(service)).toEqual(said)
  })

  it('through tables of another version, older or newer', async () => {
    // One that kea-admin brings up, one that it cannot, and one that an earlier Kea meets after a rollback.
    for (const version of FULL ? ['22, minor = 1', '21, minor = 0', '99, minor = 0'] : ['22, minor = 1']) {
      await sql(`UPDATE schema_version SET version = ${version}`)
      await service.restart()
      await service.healthy(60_000)
      expect(await names(service)).toEqual(said)
      expect(await sql('SELECT version, minor FROM schema_version')).toEqual(['22\t2'])
    }
  })

  it('from the copy, when the database is gone with its module, as after a rollback', async () => {
    await started('alone', service.folder)
    expect(await names(service)).toEqual(said)
    expect(await service.logs()).toContain('begins with the copy')
    // What the file has from then on goes into the database with the next apply.
    await started('mariadb', service.folder)
    expect(await names(service)).toEqual(said)
  })

  it('back into the file', async () => {
    await sql("DELETE FROM lease4 WHERE address = INET_ATON('10.0.0.15')")
    await started('memfile', service.folder)
    const { '10.0.0.15': _, ...rest } = said
    expect(await names(service)).toEqual(rest)
    // And then the database is not asked any more.
    await started('alone', service.folder)
    expect(await names(service)).toEqual(rest)
  })
})
