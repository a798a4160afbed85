import { type Bill, overBudget } from './bill.ts'
import type { Measure } from './measure.ts'
import type { Prices } from './prices.ts'

export interface Cost {
  readonly measured: Measure
  readonly bills: readonly Bill[]
  readonly region: string
  readonly prices: Prices
  /** Whether there is a bucket; else it is what one would cost. */
  readonly bucket: boolean
  readonly budgetYen?: number
}

const BAR = 30

/** The bill as a text for people. */
export function describeCost(cost: Cost): string {
  const { measured, bills, region, prices, bucket } = cost
  const period =
    measured.days === 0
      ? 'made from a part of today: look again tomorrow'
      : `mean of ${measured.days === 1 ? 'one day' : `${measured.days} days`} until ${measured.until}`
  const kinds = Object.entries(measured.kinds).map(([kind, { bytesPerDay, putsPerDay, getsPerDay }]) => [
    kind === '-' ? '(bucket)' : kind,
    size(bytesPerDay),
    putsPerDay.toFixed(1),
    getsPerDay.toFixed(1),
  ])
  const most = Math.max(...bills.map(({ yen }) => yen))
  const months = bills.map(({ label, storedBytes, storageDollars, requestDollars, yen, dollars }) => [
    label,
    size(storedBytes),
    `$${storageDollars.toFixed(4)}`,
    `$${requestDollars.toFixed(4)}`,
    `$${dollars.toFixed(4)}`,
    `¥${yen < 100 ? yen.toFixed(1) : Math.round(yen)}`,
    '█'.repeat(Math.max(1, Math.round((yen / most) * BAR))),
  ])
  return [
    `A day of records (${period})`,
    ...table([['kind', 'bytes', 'PUT', 'GET'], ...kinds]),
    ...(measured.logBytes > 0
      ? [`${size(measured.logBytes)} of it wait for their conversion, and are counted as zstd takes them`]
      : []),
    ...(measured.requestsCounted ? [] : ['requests: not counted yet, one PUT an hour and kind is assumed']),
    '',
    `A month of S3 Standard in ${region}${bucket ? '' : ', if you had a bucket (modules.recorder.archive.s3)'}`,
    ...table([['', 'stored', 'storage', 'requests', 'dollars', 'yen', ''], ...months]),
    `prices of ${prices.asOf}: $${prices.storagePerGbMonth} a GB, $${prices.putPer1000} per 1000 PUT, ` +
      `$${prices.getPer1000} per 1000 GET, ¥${prices.yenPerDollar} a dollar; your own: archive.prices`,
    ...budgetLines(cost),
    '',
  ].join('\n')
}

function budgetLines({ bills, budgetYen }: Cost): string[] {
  if (budgetYen === undefined) return []
  const over = overBudget(bills, budgetYen)
  if (!over) return [`within the budget of ¥${budgetYen} a month for ten years`]
  const when = over.years === 0 ? 'now' : `after ${over.label}`
  return [`warning: over the budget of ¥${budgetYen} a month ${when}`]
}

/** Columns of a width: the first to the left, the others to the right, bars as they are. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)))
  return rows.map((row) => {
    const cells = row.map((cell, i) =>
      i === 0 || cell.startsWith('█') ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0),
    )
    return `  ${cells.join('  ')}`.trimEnd()
  })
}

function size(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${value.toFixed(unit === 0 || value >= 100 ? 0 : 1)} ${units[unit]}`
}
