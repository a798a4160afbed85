import type { Network, Router } from '../model.ts'
import type { Opening } from '../module.ts'
import { NFLOG_GROUP } from '../paths.ts'
import type { RuleGroup } from './nft-groups.ts'
import { device, type Rule } from './nft-text.ts'

export interface NftInput {
  readonly router: Router
  readonly openings: readonly { readonly owner: string; readonly opening: Opening }[]
  /** Leaves a group out, for the mutation test. */
  readonly without?: RuleGroup
}

/** Names of Docker's bridges: its default one, and one for every network of its own. */
export const CONTAINER_DEVICES = ['"docker0"', '"br-*"'] as const

/** The set with every device of ours; what is not in it and matches CONTAINER_DEVICES is Docker's. */
export const OWN_DEVICES = 'own_devices'

export function rule(group: RuleGroup, statement: string, why: string, owner = 'core'): Rule {
  return { group, statement, owner, why }
}

/** The quoted device of a zone that has one: the WAN or a network. */
export function zoneDevice(router: Router, zone: string): string {
  return device(zone === 'wan' ? router.wan.device : networkOf(router, zone).device)
}

/** The network of this name. Throws when there is none: config/check.ts lets no such name through. */
export function networkOf(router: Router, name: string): Network {
  const network = router.networks.find((candidate) => candidate.name === name)
  if (!network) throw new Error(`no network is named ${JSON.stringify(name)}`)
  return network
}

/**
 * Records a refused packet in the NFLOG group, at most 10 in a second for each reason, so that a scan
 * floods neither the recorder nor the disk. `log` to the kernel ring would be silent in a container.
 */
export function logRule(reason: string): Rule {
  return rule(
    'log',
    `limit rate 10/second burst 20 packets log prefix "sekisho:drop:${reason}" group ${NFLOG_GROUP} snaplen 128`,
    `record of what was refused, ${reason}`,
  )
}
