import type { IconName } from './parts/icons.tsx'

/** A page of the navigation. */
export interface PageEntry {
  /** Its text in the messages, and its icon. */
  readonly name: 'now' | 'devices' | 'names' | 'connections' | 'search' | 'services' | 'changes' | 'archive'
  readonly path: string
  /** After "g". */
  readonly key: string
  readonly icon: IconName
  /** It has a place at the bottom of a phone. */
  readonly first: boolean
}

export const PAGES: readonly PageEntry[] = [
  { name: 'now', path: '/', key: 'n', icon: 'now', first: true },
  { name: 'devices', path: '/devices', key: 'd', icon: 'devices', first: true },
  { name: 'names', path: '/names', key: 'q', icon: 'names', first: false },
  { name: 'connections', path: '/connections', key: 'c', icon: 'connections', first: true },
  { name: 'search', path: '/search', key: 's', icon: 'search', first: true },
  { name: 'services', path: '/services', key: 'v', icon: 'services', first: false },
  { name: 'changes', path: '/changes', key: 'h', icon: 'changes', first: false },
  { name: 'archive', path: '/archive', key: 'a', icon: 'archive', first: false },
]
