import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { expectGolden } from '../../../tests/golden.ts'
import { contextFor, goldenOf, HOME, sampleRouter } from '../../../tests/sample-router.ts'
import { mariadb } from './module.ts'

const output = mariadb.build(contextFor(mariadb, {}))

it('golden', async () => {
  await expectGolden(join(import.meta.dirname, 'golden/home'), goldenOf(output))
})

describe('mariadb', () => {
  it('has no network, no port and no capability', () => {
    expect(output.services).toMatchObject([{ network: 'none', listens: [] }])
    expect(output.services[0]?.capabilities).toBeUndefined()
    expect(output.openings).toEqual([])
    expect(output.files[0]?.text).toMatch(/^skip-networking$/m)
  })

  it('offers a socket and where the password is, in folders that are its own', () => {
    expect(mariadb.provides?.({}, sampleRouter())).toEqual({
      'lease-database': {
        engine: 'mariadb',
        account: 'leases',
        socket: '/run/sekisho/mariadb/mysqld.sock',
        file: '/var/lib/sekisho/mariadb/secrets/leases',
      },
    })
  })

  it('says when there are no leases to keep', () => {
    const { dhcp: _, ...silent } = HOME
    expect(mariadb.check?.(contextFor(mariadb, {}, sampleRouter({ networks: [silent] })))).toMatchObject([
      { severity: 'warning' },
    ])
    expect(mariadb.check?.(contextFor(mariadb, {}))).toEqual([])
  })
})
