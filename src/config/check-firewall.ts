import { checkAllow } from './check-allow.ts'
import { checkDeny } from './check-deny.ts'
import { checkForwards } from './check-forwards.ts'
import { checkPinholes } from './check-pinholes.ts'
import type { Draft } from './draft.ts'
import type { Finding } from './finding.ts'

/** Rules between zones, port forwards and pinholes. */
export function checkFirewall(draft: Draft): Finding[] {
  return [...checkDeny(draft), ...checkAllow(draft), ...checkForwards(draft), ...checkPinholes(draft)]
}
