import type { OwnedFile } from './desired.ts'
import { type WantedLink, wantedLinks } from './link-state.ts'
import { PATHS } from './paths.ts'

/*
 * What our own generated files say, read back: the plan compares two generations by their texts alone.
 */

export type Texts = readonly Pick<OwnedFile, 'path' | 'text'>[]

/** A kernel setting; an optional one may be refused by the kernel (sysctl.d(5), a key after "-"). */
export interface Setting {
  readonly value: string
  readonly optional: boolean
}

/**
 * Kernel settings of all sysctl.d files by their path below /proc/sys, as systemd-sysctl understands them. "*"
 * stands for `all`, `default` and the devices that are ours: other links inherit from those.
 */
export function sysctlsOf(files: Texts): Map<string, Setting> {
  const { devices } = linksOf(files)
  const exact = new Map<string, Setting>()
  const patterns = new Map<string, Setting>()
  const texts = under(files, 'host/etc/sysctl.d/').toSorted((a, b) => (a.path < b.path ? -1 : 1))
  for (const { text } of texts) {
    for (const line of text.split('\n')) {
      const match = /^\s*(-?)([^#;=\s-][^=]*?)\s*=\s*(.*?)\s*$/.exec(line)
      if (!match) continue
      const [, dash, key = '', value = ''] = match
      const path = sysctlName(key)
      const setting = { value, optional: dash === '-' }
      if (!path.includes('*')) exact.set(path, setting)
      else for (const name of ['all', 'default', ...devices]) patterns.set(path.replace('*', name), setting)
    }
  }
  // What names its key in full wins over a pattern, in whatever order.
  return new Map([...patterns, ...exact])
}

/** A key's path below /proc/sys: its first separator decides what "." and "/" mean (sysctl.d(5)). */
function sysctlName(key: string): string {
  return /^[^./]*\//.test(key) ? key : key.replace(/[./]/g, (c) => (c === '.' ? '/' : '.'))
}

export function sysctlPath(name: string): string {
  return `/proc/sys/${name}`
}

/** Whether the kernel's value is the wanted one, whatever white space it is printed with. */
export function sameSysctl(live: string, wanted: string): boolean {
  const normal = (text: string) => text.trim().split(/\s+/).join(' ')
  return normal(live) === normal(wanted)
}

export interface Links {
  /** Devices that networkd makes. */
  readonly netdevs: readonly string[]
  /** Devices that networkd configures. */
  readonly devices: readonly string[]
  /** Which of the delegated IPv6 prefixes each device takes, by its number. */
  readonly delegated: Readonly<Record<string, string>>
  /** What must be so of each of them once networkd has done its work. */
  readonly wanted: readonly WantedLink[]
}

/** The devices that our networkd files make and configure. */
export function linksOf(files: Texts): Links {
  const name = /^Name=(.+)$/m
  const texts = (suffix: string) =>
    under(files, 'host/etc/systemd/network/').filter(({ path }) => path.endsWith(suffix))
  const named = (suffix: string) => texts(suffix).flatMap(({ text }) => name.exec(text)?.[1] ?? [])
  const delegated = texts('.network').flatMap(({ text }) => {
    const [device, subnet] = [name.exec(text)?.[1], /^SubnetId=(.+)$/m.exec(text)?.[1]]
    return device === undefined || subnet === undefined ? [] : [[device, subnet] as const]
  })
  return {
    netdevs: named('.netdev'),
    devices: named('.network'),
    delegated: Object.fromEntries(delegated),
    wanted: wantedLinks(files),
  }
}

/** What each device of our networkd files is for: "wan" or a network's name; the ports of its bridge are too. */
export function zonesOf(files: Texts): Record<string, string> {
  const networks = under(files, 'host/etc/systemd/network/').flatMap(({ path, text }) => {
    const zone = /\/10-sekisho-([a-z0-9-]+)\.network$/.exec(path)?.[1]
    const device = /^Name=(.+)$/m.exec(text)?.[1]
    return device === undefined ? [] : [{ zone, device, bridge: /^Bridge=(.+)$/m.exec(text)?.[1] }]
  })
  const own = new Map(networks.flatMap(({ zone, device }) => (zone === undefined ? [] : [[device, zone]])))
  return Object.fromEntries(
    networks.flatMap(({ zone, device, bridge }) => {
      const name = zone ?? own.get(bridge ?? '')
      return name === undefined ? [] : [[device, name]]
    }),
  )
}

/** Devices whose .network or .netdev file differs between two sets of files. */
export function changedDevices(before: Texts, after: Texts): string[] {
  const one = new Map(under(before, 'host/etc/systemd/network/').map(({ path, text }) => [path, text]))
  const two = new Map(under(after, 'host/etc/systemd/network/').map(({ path, text }) => [path, text]))
  const changed = [...new Set([...one.keys(), ...two.keys()])].filter(
    (path) => one.get(path) !== two.get(path),
  )
  const texts = changed.flatMap((path) => [one.get(path), two.get(path)]).filter((text) => text !== undefined)
  return [...new Set(texts.flatMap((text) => /^Name=(.+)$/m.exec(text)?.[1] ?? []))].sort()
}

/** Directories below /run/sekisho that our tmpfiles.d lines make. */
export function runDirectoriesOf(files: Texts): string[] {
  return under(files, 'host/etc/tmpfiles.d/')
    .flatMap(({ text }) => [...text.matchAll(/^[dD] (\S+) /gm)].map((match) => match[1] ?? ''))
    .filter((path) => path === PATHS.run || path.startsWith(`${PATHS.run}/`))
    .sort()
}

/** Kernel modules to load. */
export function kernelModulesOf(files: Texts): string[] {
  return under(files, 'host/etc/modules-load.d/')
    .flatMap(({ text }) => text.split('\n'))
    .filter((line) => /^[a-z0-9_-]+$/i.test(line))
}

/** The host name in hostname(5). */
export function hostnameOf(files: Texts): string | undefined {
  const text = files.find(({ path }) => path === 'host/etc/hostname')?.text
  return text?.split('\n').find((line) => line !== '' && !line.startsWith('#'))
}

function under(files: Texts, root: string): Texts {
  return files.filter(({ path }) => path.startsWith(root))
}
