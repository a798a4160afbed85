import { type DesiredState, isNothing } from '../desired.ts'
import {
  changedDevices,
  hostnameOf,
  kernelModulesOf,
  linksOf,
  runDirectoriesOf,
  sameSysctl,
  sysctlsOf,
  zonesOf,
} from '../generated.ts'
import type { Inventory } from '../inventory.ts'
import { amissLinks } from '../link-state.ts'
import { FORWARDING, textsOf } from '../observe.ts'
import { othersGivenBack, othersTaken } from '../saved-sysctls.ts'
import { describeGivenBack, describeTakeover, type TakeoverAction } from '../takeover/takeover.ts'
import { isForwarding } from './order.ts'
import type { Step } from './step.ts'

/* What becomes of the machine itself: what was there before us, runtime directories, name, links, firewall, kernel. */

export function takeoverStep(action: TakeoverAction, undo: boolean): Step {
  const impact = action.kind === 'stop-process' ? 'reconnect' : 'none'
  const says = undo ? describeGivenBack(action) : describeTakeover(action)
  return { do: 'takeover', action, undo, owner: 'core', impact, says }
}

export function runSteps(inventory: Inventory, desired: DesiredState, files: readonly Step[]): Step[] {
  const before = runDirectoriesOf(textsOf(inventory.current))
  const after = runDirectoriesOf(desired.files)
  const changed = files.some((step) => step.do === 'file' && step.path.startsWith('host/etc/tmpfiles.d/'))
  const modules = kernelModulesOf(desired.files)
  const newModules = files.some(
    (step) => step.do === 'file' && step.path.startsWith('host/etc/modules-load.d/'),
  )
  const steps: Step[] = []
  if (changed || inventory.missingRun.length > 0)
    steps.push({
      do: 'tmpfiles',
      owner: 'core',
      impact: 'none',
      says: after.length > 0 ? 'makes the runtime directories' : 'no runtime directories are made any more',
    })
  if (newModules && modules.length > 0)
    steps.push({
      do: 'modules',
      names: modules,
      owner: 'core',
      impact: 'none',
      says: `loads the kernel modules ${modules.join(', ')}`,
    })
  if (before.join() !== after.join())
    steps.push({
      do: 'sweep',
      before,
      after,
      owner: 'core',
      impact: 'none',
      says: 'removes runtime directories out of use',
    })
  return steps
}

export function hostnameSteps(
  { hostname, savedHostname, current }: Inventory,
  desired: DesiredState,
): Step[] {
  const wanted = isNothing(desired) ? savedHostname : hostnameOf(desired.files)
  if (wanted === undefined || wanted === hostname) return []
  const says = `the host name becomes ${wanted}`
  const owned = { ownedBefore: current !== undefined, ownedAfter: !isNothing(desired) }
  return [{ do: 'hostname', before: hostname, after: wanted, ...owned, owner: 'core', impact: 'none', says }]
}

export function networkdSteps({ current, links, found }: Inventory, desired: DesiredState): Step[] {
  const changed = changedDevices(textsOf(current), desired.files)
  const before = linksOf(textsOf(current))
  const after = linksOf(desired.files)
  const lost = current === undefined || links === undefined ? [] : amissLinks(after.wanted, links)
  const amiss = lost.filter(({ device }) => !changed.includes(device))
  if (changed.length + amiss.length === 0) return []
  const notes = [
    ...(changed.length > 0 ? [`reconfigures ${changed.join(', ')}`] : []),
    ...(amiss.length > 0 ? [`mends ${amiss.map(({ device }) => device).join(', ')}`] : []),
  ]
  const says = `${notes.join(', ')}; every other link is left alone`
  const mended = amiss.map(({ device }) => device)
  const zones = { ...zonesOf(textsOf(current)), ...zonesOf(desired.files) }
  const steady = { changed, mended, zones, found: found.links, owner: 'core', impact: 'reconnect' } as const
  return [{ do: 'networkd', before, after, ...steady, says }]
}

export function firewallSteps(
  { nft, current }: Inventory,
  desired: DesiredState,
  files: readonly Step[],
): Step[] {
  if (isNothing(desired)) {
    if (nft === undefined) return []
    const says = 'takes the firewall table away'
    return [{ do: 'firewall', before: true, after: false, owner: 'core', impact: 'none', says }]
  }
  const change = files.find((step) => step.do === 'file' && step.path === 'sekisho.nft')
  if (!change && nft !== undefined && nft === current?.live?.nft) return []
  const says = change
    ? 'replaces the firewall table in one go; established connections go on'
    : nft === undefined
      ? 'loads the firewall table, which is missing'
      : current?.live?.nft === undefined
        ? 'reloads the firewall table, since the last apply did not end'
        : 'reloads the firewall table, which was changed by hand'
  return [{ do: 'firewall', before: current !== undefined, after: true, owner: 'core', impact: 'none', says }]
}

export function sysctlSteps(inventory: Inventory, desired: DesiredState): Step[] {
  const previous = sysctlsOf(textsOf(inventory.current))
  const wanted = new Map([
    ...(isNothing(desired) ? [] : FORWARDING).map((key) => [key, { value: '1', optional: false }] as const),
    ...sysctlsOf(desired.files),
  ])
  // What new links inherit goes first: giving it back reaches links that are not ours, and ours have their own values.
  const rank = (key: string) => `${key.includes('/conf/default/') ? 0 : 1}${key}`
  const keys = [
    ...new Set([...previous.keys(), ...(previous.size > 0 ? FORWARDING : []), ...wanted.keys()]),
  ].toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1))
  const ours = new Set(keys)
  return keys.flatMap((key): Step[] => {
    const live = inventory.sysctls[key]
    // A kernel without it cannot be made to have it; nor can a link that is not there.
    if (live === undefined) return []
    const ownedBefore = previous.has(key) || (isForwarding(key) && inventory.current !== undefined)
    const ownedAfter = wanted.has(key)
    const after = wanted.get(key)?.value ?? inventory.savedSysctls[key] ?? live
    if (sameSysctl(live, after) && ownedBefore === ownedAfter) return []
    const { found, savedSysctls } = inventory
    const others = !ownedBefore
      ? othersTaken(key, found.sysctls)
      : !ownedAfter
        ? othersGivenBack({ key, before: live, after }, found.sysctls, savedSysctls, ours)
        : {}
    const says = isForwarding(key)
      ? `packets are ${after === '0' ? 'no longer ' : ''}forwarded (${key})`
      : `kernel setting ${key} becomes ${after}`
    return [
      {
        do: 'sysctl',
        key,
        before: live,
        after,
        ownedBefore,
        ownedAfter,
        others,
        owner: 'core',
        impact: 'none',
        says,
      },
    ]
  })
}

export function downSteps({ down }: Inventory): Step[] {
  if (!down) return []
  const says = '`sekisho down` holds no longer'
  return [{ do: 'down', before: true, after: false, owner: 'core', impact: 'none', says }]
}
