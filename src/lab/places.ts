import { createHash } from 'node:crypto'
import { realpathSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** Where one lab keeps its things; several labs on one machine differ in `id`. */
export interface Places {
  readonly id: string
  /** state.json, the console and the services' logs. Gone after a boot of the building machine. */
  readonly run: string
  /** The router machine's disk. */
  readonly disk: string
  readonly lock: string
  readonly checkout: string
}

/** The checkout this code runs from. */
function checkoutRoot(): string {
  return realpathSync(resolve(import.meta.dirname, '../..'))
}

/** The places of this checkout's lab; `name`, by default $SEKISHO_LAB, is another one. Throws when that is no plain name. */
export function labPlaces(name = process.env.SEKISHO_LAB): Places {
  const checkout = checkoutRoot()
  const id = name || createHash('sha256').update(checkout).digest('hex').slice(0, 8)
  if (!/^[a-z0-9][a-z0-9-]{0,23}$/.test(id)) {
    throw new Error(`SEKISHO_LAB=${JSON.stringify(id)}: a name has 1 to 24 lower-case letters, digits or "-"`)
  }
  return {
    id,
    checkout,
    run: join('/run/sekisho-lab', id),
    disk: join('/var/lib/sekisho-lab', id),
    lock: `/run/lock/sekisho-lab-${id}.lock`,
  }
}
