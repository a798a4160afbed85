import { type DeviceReport, deviceReport } from '../../recorder/ask/device.ts'
import { findClient } from '../../recorder/query/find-client.ts'
import type { Session } from '../../recorder/query/session.ts'
import type { DeviceRow, Span } from '../api.ts'
import { DataProblem } from '../data-problem.ts'
import { cutName } from './cut.ts'
import { identitiesOf, type Known, withUsage } from './devices.ts'

const MAC = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/
const MOST_NAMES = 50
const MOST_ADDRESSES = 200

/** The MAC address that a path names; throws a DataProblem when it is none. */
export function deviceId(text: string): string {
  const id = text.toLowerCase()
  if (!MAC.test(id)) throw new DataProblem(404, 'no device has this id', 'choose one of the list of devices')
  return id
}

/** One device: who it is, and what `sekisho device` says of a time. */
export async function deviceOf(
  session: Session,
  known: Known,
  id: string,
  { fromMs, toMs }: Span,
): Promise<{ readonly device: DeviceRow; readonly report: DeviceReport }> {
  const identity = (await identitiesOf(session, known)).find((one) => one.id === id)
  if (!identity) throw new DataProblem(404, 'no device with this MAC address was ever seen')
  const span = { fromMs, toMs: toMs - 1 }
  const client = await findClient(session, id)
  const holdings = client.holdings.filter((held) => held.fromMs <= span.toMs && held.toMs >= fromMs)
  const report = await deviceReport(session, { ...client, holdings }, span, MOST_NAMES)
  const { traffic, questions } = report
  return {
    device: withUsage(identity, { down: traffic.down, up: traffic.up, questions: questions.asked }),
    report: bounded(report),
  }
}

/** The report without what is too long for a page. */
function bounded(report: DeviceReport): DeviceReport {
  const { addresses, names, destinations, resolvers } = report
  return {
    ...report,
    addresses: {
      now: addresses.now.slice(0, MOST_ADDRESSES),
      before: addresses.before.slice(0, MOST_ADDRESSES),
    },
    names: names.map((one) => ({ ...one, name: cutName(one.name) })),
    destinations: destinations.map((one) => ({ ...one, name: cutName(one.name) })),
    resolvers: resolvers.slice(0, MOST_NAMES),
  }
}
