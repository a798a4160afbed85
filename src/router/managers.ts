import type { Issue } from '../config/issue.ts'
import type { Network, Router } from './model.ts'

/** Whether a network's hosts are those of who runs the router, and not its guests'. */
export function mayManage({ routerAccess }: Network): boolean {
  return routerAccess.includes('ssh')
}

/** A network of a module's list that is not there, or whose hosts should not see what the module shows. */
export function managersIssue(
  name: string,
  path: Issue['path'],
  { networks }: Router,
  { why, instead }: { readonly why: string; readonly instead: string },
): Issue[] {
  const network = networks.find((one) => one.name === name)
  if (network === undefined) {
    const known = networks.map((one) => one.name).join(', ')
    return [{ path, message: `there is no network ${JSON.stringify(name)}`, fix: `use one of ${known}` }]
  }
  if (mayManage(network)) return []
  return [
    {
      path,
      message: `${name} may not manage the router (its router_access has no ssh), and ${why}`,
      fix: `${instead} another network, or add ssh to router_access of ${name}`,
    },
  ]
}
