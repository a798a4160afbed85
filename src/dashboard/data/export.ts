import type { Plain } from '../../recorder/query/plain-value.ts'
import { csvWriter, jsonWriter, type Row } from '../../recorder/query/write-rows.ts'
import type { ExportFormat, ExportKind } from '../queries.ts'

/** The columns of each export, in the order of CSV. Times are RFC 3339 in UTC. */
const COLUMNS = {
  devices: [
    'id',
    'name',
    'vendor',
    'network',
    'addresses',
    'firstSeen',
    'lastSeen',
    'down',
    'up',
    'questions',
    'randomMac',
    'reserved',
    'paused',
  ],
  names: ['name', 'asked', 'failed', 'devices', 'last'],
  questions: [
    'time',
    'device',
    'deviceId',
    'clientAddress',
    'name',
    'type',
    'outcome',
    'responseCode',
    'micros',
    'serverAddress',
    'bypass',
    'answers',
  ],
  connections: [
    'start',
    'end',
    'device',
    'deviceId',
    'protocol',
    'source',
    'sourcePort',
    'sourceZone',
    'destination',
    'destinationPort',
    'destinationZone',
    'natSource',
    'natDestination',
    'name',
    'unresolved',
    'encryptedDns',
    'down',
    'up',
    'packets',
    'state',
    'flowId',
  ],
  search: ['time', 'kind', 'text', 'device', 'deviceId', 'detail'],
} as const satisfies Readonly<Record<ExportKind, readonly string[]>>

/** Rows of an API's answer, as they come, as the text of a file. */
export async function* exported(
  kind: ExportKind,
  format: ExportFormat,
  pages: AsyncIterable<readonly object[]>,
): AsyncGenerator<string, void, void> {
  const columns: readonly string[] = COLUMNS[kind]
  const writer = format === 'csv' ? csvWriter(columns) : jsonWriter(false)
  for await (const rows of pages) yield writer.rows(rows.map((row) => fileRow(row, columns)))
  yield writer.end()
}

function fileRow(row: object, columns: readonly string[]): Row {
  // "timeMs" of the API is "time" of a file.
  const values = new Map(
    Object.entries(row as Readonly<Record<string, Plain>>).map(([name, value]) => {
      const isTime = name.endsWith('Ms') && typeof value === 'number'
      return isTime ? [name.slice(0, -2), new Date(value).toISOString()] : [name, value]
    }),
  )
  return Object.fromEntries(columns.map((name) => [name, values.get(name) ?? null]))
}
