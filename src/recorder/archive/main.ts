import { readFile } from 'node:fs/promises'
import { constants, setPriority } from 'node:os'
import { bills } from '../cost/bill.ts'
import { measure } from '../cost/measure.ts'
import { pricesFor } from '../cost/prices.ts'
import { describe } from '../log.ts'
import { parseSettings } from '../settings.ts'
import { listArchive } from './files.ts'
import { type MonthlyCost, type PassMessage, zeroPass } from './messages.ts'
import { runPass } from './pass.ts'
import { lockPass } from './pass-lock.ts'
import type { UploadReport } from './upload.ts'

/*
 * One pass of the archive, in a process of its own: `main.ts SETTINGS.json trusted|doubted`, where the last says whether
 * the clock may decide what is too old. It writes a JSON object a line to stdout after each step, and a last one
 * (PassMessage). The recorder's main process starts it (supervisor.ts); the memory that DuckDB takes goes with it.
 */

const [settingsPath, clock] = process.argv.slice(2)
if (settingsPath === undefined || (clock !== 'trusted' && clock !== 'doubted')) {
  throw new Error('usage: main.ts SETTINGS.json trusted|doubted')
}
// Our parent's end of the pipe: without it nobody counts what we do.
process.stdin.resume().once('end', () => process.exit(1))
setPriority(constants.priority.PRIORITY_LOW)
const settings = parseSettings(await readFile(settingsPath, 'utf8'))
const { data } = settings
const counts = zeroPass()
const say = (message: PassMessage): void => void process.stdout.write(`${JSON.stringify(message)}\n`)
let failure: string | undefined
let upload: UploadReport | undefined
try {
  if (!(await lockPass(data))) throw new Error('another pass is running')
  upload = await runPass(
    {
      ...settings,
      clockTrusted: clock === 'trusted',
      onProgress: (counts) => say({ counts }),
    },
    counts,
  )
} catch (error) {
  failure = describe(error).split('\n')[0] ?? ''
  process.exitCode = 1
}
const files = await listArchive(data)
const cost = await monthlyCost()
say({
  counts,
  stored: { files: files.length, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0) },
  // Linux gives kibibytes.
  peakBytes: process.resourceUsage().maxRSS * 1024,
  ...(upload && { upload }),
  ...(cost && { cost }),
  ...(failure !== undefined && { error: failure }),
})
process.stdin.destroy()

/** Nothing before the first record, and where it cannot be told: a pass does not fail for it. */
async function monthlyCost(): Promise<MonthlyCost | undefined> {
  const { s3, prices: own } = settings.archive
  const measured = await measure(data, Date.now()).catch(() => undefined)
  const [now] = measured ? bills(measured, pricesFor(s3?.region, own).prices) : []
  return now && { storedBytes: now.storedBytes, dollars: now.dollars, yen: now.yen }
}
