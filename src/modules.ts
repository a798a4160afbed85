import { chrony } from './modules/chrony/module.ts'
import { dashboard } from './modules/dashboard/module.ts'
import { fluentd } from './modules/fluentd/module.ts'
import { kea } from './modules/kea/module.ts'
import { mackerel } from './modules/mackerel/module.ts'
import { mariadb } from './modules/mariadb/module.ts'
import { prometheus } from './modules/prometheus/module.ts'
import { recorder } from './modules/recorder/module.ts'
import { softflowd } from './modules/softflowd/module.ts'
import { unbound } from './modules/unbound/module.ts'
import { watch } from './modules/watch/module.ts'
import type { RouterModule } from './router/module.ts'

/** The modules we ship, by name. A contract test holds this list equal to the folders of src/modules/. */
export const MODULES: readonly RouterModule[] = [
  chrony,
  dashboard,
  fluentd,
  kea,
  mackerel,
  mariadb,
  prometheus,
  recorder,
  softflowd,
  unbound,
  watch,
]
