import type { Measure } from './measure.ts'
import type { Prices } from './prices.ts'

const GB = 2 ** 30
const DAYS_PER_YEAR = 365.25
const DAYS_PER_MONTH = DAYS_PER_YEAR / 12

/** What a month costs, in dollars, when so much is stored. */
export interface Bill {
  readonly label: string
  readonly years: number
  readonly storedBytes: number
  readonly storageDollars: number
  readonly requestDollars: number
  readonly dollars: number
  readonly yen: number
}

/** A month now and after years in which nothing is deleted and nothing else changes; and with ten times the records. */
export function bills(measured: Measure, prices: Prices): Bill[] {
  return [
    bill('now', 0, 1),
    bill('1 year', 1, 1),
    bill('5 years', 5, 1),
    bill('10 years', 10, 1),
    bill('10 years, tenfold', 10, 10),
  ]

  function bill(label: string, years: number, factor: number): Bill {
    const rates = Object.values(measured.kinds)
    const perDay = rates.reduce((sum, { bytesPerDay }) => sum + bytesPerDay, 0)
    const storedBytes = measured.storedBytes + factor * perDay * DAYS_PER_YEAR * years
    const storageDollars = (storedBytes / GB) * prices.storagePerGbMonth
    // An object a kind and day has as many requests with ten times the rows in it.
    const puts = rates.reduce((sum, { putsPerDay }) => sum + putsPerDay, 0) * DAYS_PER_MONTH
    const gets = rates.reduce((sum, { getsPerDay }) => sum + getsPerDay, 0) * DAYS_PER_MONTH
    const requestDollars = (puts * prices.putPer1000 + gets * prices.getPer1000) / 1000
    const dollars = storageDollars + requestDollars
    return {
      label,
      years,
      storedBytes,
      storageDollars,
      requestDollars,
      dollars,
      yen: dollars * prices.yenPerDollar,
    }
  }
}

/** The first of the bills, at our own rate, that exceeds a budget. */
export function overBudget(all: readonly Bill[], budgetYen: number | undefined): Bill | undefined {
  if (budgetYen === undefined) return undefined
  return all.find(({ yen, label }) => yen > budgetYen && !label.endsWith('tenfold'))
}
