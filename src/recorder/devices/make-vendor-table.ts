import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { vendorTable } from './vendor-table.ts'

/* `make-vendor-table.ts IEEE-DATA TABLE` writes the table from the CSV files in a folder: a step of the image's build. */

const [folder, target] = process.argv.slice(2)
if (folder === undefined || target === undefined)
  throw new Error('usage: make-vendor-table.ts IEEE-DATA TABLE')
const lists = ['oui.csv', 'mam.csv', 'oui36.csv'].map((name) => readFile(join(folder, name), 'utf8'))
await writeFile(target, vendorTable(await Promise.all(lists)))
