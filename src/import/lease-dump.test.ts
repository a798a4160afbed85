import { describe, expect, it } from 'vitest'
import { readDump } from './lease-dump.ts'

const read = (text: string) => readDump(Buffer.from(text, 'latin1'), 'leases.sql')
const one = "(167772304,0x02005E300001,NULL,4000,'2037-01-08 04:00:00',1,0,0,'laptop',0)"

describe('the table lease4 of a dump', () => {
  it('in the ways in which mysqldump writes bytes', () => {
    const bytes = String.raw`'\0^0\0\''`
    for (const value of [
      bytes,
      `_binary ${bytes}`,
      "X'005e30000027'",
      '0x005E30000027',
      `"\\0^0\\0'"`,
      "'\\0^0\\0\\''",
    ]) {
      const row = `(167772304,${value},NULL,4000,'2037-01-08 04:00:00',1,0,0,'a',0)`
      const result = read(`INSERT INTO \`lease4\` VALUES ${row};`)
      // "\0^0\0'" is 00 5e 30 00 27: five octets, as X'…' here has six.
      expect(result.ok && result.leases[0]?.mac).toMatch(/^00:5e:30:00:(00:)?27$/)
    }
  })

  it('with columns in another order, named by the table or by the INSERT', () => {
    const table =
      'CREATE TABLE `lease4` (`hostname` varchar(255), `address` int(10), `expire` timestamp, `x` decimal(10,2), PRIMARY KEY (`address`));'
    const expected = [expect.objectContaining({ address: 167772304, hostname: 'tv', lifetimeSecs: 4000 })]
    const byTable = read(`${table}INSERT INTO lease4 VALUES ('tv',167772304,'2037-01-08 04:00:00',1.5);`)
    expect(byTable.ok && byTable.leases).toEqual(expected)
    const named =
      "INSERT INTO `lease4` (`address`, `expire`, `hostname`) VALUES (167772304,'2037-01-08 04:00:00','tv');"
    const byInsert = read(named)
    expect(byInsert.ok && byInsert.leases).toEqual(expected)
  })

  it('a later row of the same address counts, others are sorted', () => {
    const result = read(
      `INSERT INTO lease4 VALUES ${one.replace('304', '305')},${one};INSERT INTO lease4 VALUES ${one.replace('laptop', 'new')};`,
    )
    expect(result.ok && result.leases.map(({ address, hostname }) => [address, hostname])).toEqual([
      [167772304, 'new'],
      [167772305, 'laptop'],
    ])
  })

  it("what clients call themselves is no statement, and none of Kea's columns", () => {
    const evil =
      "x'); INSERT INTO `lease4` VALUES (1,0x010203040506,NULL,1,'2037-01-08 04:00:00',1,0,0,'',0);,\n--"
    const quoted = `'${evil.replaceAll("'", "''")}'`
    const other = `INSERT INTO \`hosts\` VALUES (1,${quoted});`
    const result = read(
      `${other}INSERT INTO lease4 VALUES ${one.replace("'laptop'", quoted)}; -- ${evil.split('\n')[0]}\n/* ${evil} */`,
    )
    expect(result.ok && result.leases).toHaveLength(1)
    expect(result.ok && result.leases[0]?.hostname).toMatch(/^[A-Za-z0-9.-]+$/)
  })

  it('rows that are not whole are counted', () => {
    const bad = [
      one.replace('167772304', "'x'"),
      one.replace('4000', '-5'),
      one.replace('2037-01-08', '2037-99-08'),
      one.replace("'2037-01-08 04:00:00'", 'NULL'),
    ]
    const result = read(`INSERT INTO lease4 VALUES ${bad.join(',')};`)
    expect(result).toMatchObject({ ok: true, leases: [], refused: 4 })
  })

  it('says the line of what is broken', () => {
    const lineOf = (text: string) => {
      const result = read(text)
      return result.ok ? 'ok' : `${result.issues[0]?.location?.line} ${result.issues[0]?.message}`
    }
    expect(lineOf('')).toMatch(/^1 the dump has no table lease4/)
    expect(lineOf('CREATE TABLE `other` (a int);')).toMatch(/^1 the dump has no table lease4/)
    expect(lineOf(`\n\nINSERT INTO lease4 VALUES ${one.slice(0, 20)}`)).toMatch(
      /^3 the values of this INSERT are not a list/,
    )
    expect(lineOf(`\nINSERT INTO lease4 VALUES (1,'abc`)).toMatch(
      /^2 a text or a comment that begins here does not end/,
    )
    expect(lineOf('INSERT INTO lease4 SELECT * FROM x;')).toMatch(/^1 the values/)
    expect(lineOf('/* INSERT INTO lease4')).toMatch(/does not end/)
  })

  it('knows whether its times are UTC', () => {
    expect(read(`/*!40103 SET TIME_ZONE='+00:00' */;INSERT INTO lease4 VALUES ${one};`)).toMatchObject({
      isUtc: true,
    })
    expect(read(`INSERT INTO lease4 VALUES ${one};`)).toMatchObject({ isUtc: false })
  })
})
