/** The product's places on the router machine. /etc is on the root file system: boot finds it at once. */
export const PATHS = {
  config: '/etc/sekisho/router.yaml',
  secrets: '/etc/sekisho/secrets',
  /** generations/<n>/, each complete. */
  generations: '/etc/sekisho/generations',
  /** Symlink to the generation in use; every linked path in /etc goes through it. */
  current: '/etc/sekisho/current',
  /** Symlink to the last confirmed generation: what boot starts. */
  confirmed: '/etc/sekisho/confirmed',
  /** There while `sekisho down` holds; boot reads it too. */
  down: '/etc/sekisho/down',
  data: '/var/lib/sekisho',
  run: '/run/sekisho',
  /** Where the host answers typed requests: a directory of its own, since who may reach it may change the router. */
  requests: '/run/sekisho/requests',
  lock: '/run/sekisho.lock',
  /** What is under way and not confirmed; gone after a boot, which itself goes back to `confirmed`. */
  guard: '/run/sekisho-guard.json',
  /** The same of the first apply of all, which boot cannot go back from by itself: there is no `confirmed` yet. */
  firstApply: '/etc/sekisho/first-apply.json',
  /** Boot went back to `confirmed`: the same, for what can only be put right once Docker runs. */
  fellBack: '/run/sekisho-fell-back.json',
  /** Installed releases: /opt/sekisho/<version>-<hash>/, and the symlink /opt/sekisho/current. */
  install: '/opt/sekisho',
} as const

export const COMPOSE_PROJECT = 'sekisho'
export const NFT_TABLE = 'sekisho'
/** NFLOG group of the firewall's drop records. */
export const NFLOG_GROUP = 7

/** Where a module's run-time files are on the host, or those of `name` beside them; no module's name has a dot. */
export function runDirectory(module: string, name?: string): string {
  return [`${PATHS.run}/${module}`, ...(name === undefined ? [] : [name])].join('.')
}
