import { spansSql } from '../devices/spans-sql.ts'
import { literal } from '../sql.ts'
import type { Client, Holding } from './filter.ts'
import { QueryProblem } from './problem.ts'
import type { Session } from './session.ts'

/** A MAC address, or how some begin: two bytes at least. */
const MAC = /^[0-9a-f]{2}([:-][0-9a-f]{2}){1,5}$/
const MAC_LENGTH = 17

/**
 * Who is meant by a device's name, a MAC address or the beginning of some, or an address, and which addresses that device had when. An address
 * means the device that had it last; one that no device had stands for itself. Throws a QueryProblem for a name that
 * no device has.
 */
export async function findClient(session: Session, text: string): Promise<Client> {
  const wanted = text.toLowerCase()
  const mac = MAC.test(wanted)
  const address = !mac && (wanted.includes(':') || /^\d+(\.\d+){3}$/.test(wanted))
  const macs = await session.run(
    ['devices'],
    address ? holderOf(wanted) : mac ? beginningWith(wanted.replaceAll('-', ':')) : named(wanted),
    async (result) => (await result.getRowsJS()).map(([value]) => value as string),
  )
  if (macs.length === 0) {
    if (address) return { holdings: [{ address: wanted, fromMs: 0, toMs: END_MS }], macs: [] }
    if (mac && wanted.length === MAC_LENGTH) return { holdings: [], macs: [wanted.replaceAll('-', ':')] }
    throw new QueryProblem(
      `no device was ever called ${text}. Fix: "sekisho logs devices" shows those that were seen`,
    )
  }
  const rows = await session.run(['devices'], holdingsOf(macs), (result) => result.getRowsJS())
  const holdings = rows.map(
    ([at, from, to]): Holding => ({ address: at as string, fromMs: Number(from), toMs: Number(to) }),
  )
  return { holdings: joined(holdings), macs }
}

/** Each day a new interval begins: those that go on where another ended become one. In the order of address and time. */
function joined(holdings: readonly Holding[]): Holding[] {
  const whole: Holding[] = []
  for (const holding of holdings) {
    const last = whole.at(-1)
    if (last?.address === holding.address && holding.fromMs <= last.toMs + 1)
      whole[whole.length - 1] = { ...last, toMs: Math.max(last.toMs, holding.toMs) }
    else whole.push(holding)
  }
  return whole
}

/** The last that a timestamp of DuckDB can be, roughly. */
const END_MS = Date.UTC(9999, 0)

function named(text: string): string {
  return `SELECT DISTINCT macAddress FROM devices WHERE lower(device) = ${literal(text)}`
}

function beginningWith(mac: string): string {
  return `SELECT DISTINCT macAddress FROM devices WHERE starts_with(macAddress, ${literal(mac)})`
}

function holderOf(address: string): string {
  return `SELECT macAddress FROM devices WHERE address = ${literal(address)} ORDER BY "until" DESC LIMIT 1`
}

function holdingsOf(macs: readonly string[]): string {
  return `SELECT address, epoch_ms("from"), epoch_ms("to") - 1 FROM (${spansSql('SELECT * FROM devices')})
    WHERE macAddress IN (${macs.map(literal).join(', ')}) ORDER BY address, "from"`
}
