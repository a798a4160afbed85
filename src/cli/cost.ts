import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { bills, overBudget } from '../recorder/cost/bill.ts'
import { type Cost, describeCost } from '../recorder/cost/describe-cost.ts'
import { measure } from '../recorder/cost/measure.ts'
import { pricesFor } from '../recorder/cost/prices.ts'
import { PATHS } from '../router/paths.ts'
import { recorderSettings } from './recorder-settings.ts'

/** The volume "records" of the module "recorder". */
const DATA = join(PATHS.data, 'recorder/records')

interface Options {
  readonly file?: string
  readonly data: string
  readonly json?: boolean
}

/**
 * `sekisho cost`: what the recorder keeps a day and what that costs a month, now and in ten years. Exit 0, or 3 when it is over
 * archive.budget_yen_per_month now or within a year; 1 when it cannot tell.
 */
export function costCommand(): Command {
  return new Command('cost')
    .description('what the records cost a month: now, and after 1, 5 and 10 years')
    .option('-f, --file <file>', 'the router.yaml')
    .option('--data <directory>', "a recorder's data directory, in place of this router's", DATA)
    .option('--json', 'for programs')
    .action(async (options: Options) => {
      const settings = await recorderSettings(options.file)
      if (!settings) return
      const { s3, prices: own, budgetYenPerMonth: budgetYen } = settings.archive
      const measured = existsSync(options.data) ? await measure(options.data, Date.now()) : undefined
      if (!measured) {
        if (options.json) process.stdout.write(`${JSON.stringify({ measured: null })}\n`)
        else process.stdout.write('Nothing is recorded yet.\n')
        return
      }
      const { region, prices } = pricesFor(s3?.region, own)
      const cost: Cost = {
        measured,
        bills: bills(measured, prices),
        region,
        prices,
        bucket: s3 !== undefined,
        ...(budgetYen !== undefined && { budgetYen }),
      }
      process.stdout.write(options.json ? `${JSON.stringify(cost, null, 2)}\n` : describeCost(cost))
      const over = overBudget(cost.bills, budgetYen)
      process.exitCode = over && over.years <= 1 ? 3 : 0
    })
}
