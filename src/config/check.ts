import { checkChecks } from './check-checks.ts'
import { checkDhcp } from './check-dhcp.ts'
import { checkFirewall } from './check-firewall.ts'
import { checkInterfaces } from './check-interfaces.ts'
import { checkNetworks } from './check-networks.ts'
import { checkSite } from './check-site.ts'
import { checkWan } from './check-wan.ts'
import type { Draft } from './draft.ts'
import type { Finding } from './finding.ts'

/** Every contradiction between values that are right by themselves. */
export function check(draft: Draft): Finding[] {
  return [checkSite, checkWan, checkInterfaces, checkNetworks, checkDhcp, checkFirewall, checkChecks].flatMap(
    (part) => part(draft),
  )
}
