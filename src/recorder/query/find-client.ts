import type { Client, Holding } from './filter.ts'
import { QueryProblem } from './problem.ts'
import type { Session } from './session.ts'
import { literal } from './sql.ts'
import { intervals } from './views.ts'

const MAC = /^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/

/**
 * Who is meant by a device's name, a MAC address or an address, and which addresses that device had when. An address
 * means the device that had it last; one that no device had stands for itself. Throws a QueryProblem for a name that
 * no device has.
 */
export async function findClient(session: Session, text: string): Promise<Client> {
  const wanted = text.toLowerCase()
  const mac = MAC.test(wanted)
  const address = !mac && (wanted.includes(':') || /^\d+(\.\d+){3}$/.test(wanted))
  const macs = await session.run(
    ['devices'],
    address ? holderOf(wanted) : named(mac ? wanted.replaceAll('-', ':') : wanted),
    async (result) => (await result.getRowsJS()).map(([value]) => value as string),
  )
  if (macs.length === 0) {
    if (address) return { holdings: [{ address: wanted, fromMs: 0, toMs: END_MS }], macs: [] }
    if (mac) return { holdings: [], macs: [wanted.replaceAll('-', ':')] }
    throw new QueryProblem(
      `no device was ever called ${text}. Fix: "sekisho logs devices" shows those that were seen`,
    )
  }
  const rows = await session.run(['devices'], holdingsOf(macs), (result) => result.getRowsJS())
  const holdings = rows.map(
    ([at, from, to]): Holding => ({ address: at as string, fromMs: Number(from), toMs: Number(to) }),
  )
  return { holdings, macs }
}

/** The last that a timestamp of DuckDB can be, roughly. */
const END_MS = Date.UTC(9999, 0)

function named(text: string): string {
  return `SELECT DISTINCT macAddress FROM devices WHERE lower(device) = ${literal(text)} OR macAddress = ${literal(text)}`
}

function holderOf(address: string): string {
  return `SELECT macAddress FROM devices WHERE address = ${literal(address)} ORDER BY "until" DESC LIMIT 1`
}

/** An address stays the device's until somebody else has it: so are records found that came when nobody looked. */
function holdingsOf(macs: readonly string[]): string {
  const wanted = macs.map(literal).join(', ')
  const addresses = `SELECT address FROM devices WHERE macAddress IN (${wanted})`
  return `SELECT address, epoch_ms(since), epoch_ms(least("until", coalesce(next, "until"))) FROM (
      SELECT *, lead(since) OVER (PARTITION BY address ORDER BY since) AS next
      FROM (${intervals('devices')}) WHERE address IN (${addresses}))
    WHERE macAddress IN (${wanted})`
}
