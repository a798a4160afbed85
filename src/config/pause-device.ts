import { isSeq, parseDocument } from 'yaml'
import { z } from 'zod'
import { addEntry, removeEntries } from './edit-yaml.ts'

/** What tells our denials from those that somebody wrote by hand. */
const WHY = 'paused until sekisho resume'

/** The denial of a paused device: nothing to the Internet; the router and its own network stay, and its lease. */
const Pause = z.strictObject({
  from: z.string(),
  to: z.literal('wan'),
  source: z.string().transform((mac) => mac.toLowerCase()),
  why: z.literal(WHY),
})

/**
 * The text of a router.yaml in which the device of a MAC address is refused the way from a network to the WAN, at the end of
 * firewall.deny. Undefined when that cannot be written by a program.
 */
export function pauseDevice(text: string, network: string, mac: string): string | undefined {
  const entry = { from: network, to: 'wan', source: mac, why: WHY }
  const line = `{ from: ${network}, to: wan, source: "${mac}", why: ${WHY} }`
  return addEntry(text, ['firewall', 'deny'], entry, line)
}

/** The text without what `pauseDevice` wrote for this device, and with everything else. */
export function resumeDevice(text: string, mac: string): string | undefined {
  return removeEntries(text, ['firewall', 'deny'], (entry) => Pause.safeParse(entry).data?.source === mac)
}

/** The networks in which this device is paused, by the text of a router.yaml. */
export function pausedIn(text: string, mac: string): string[] {
  return pausedDevices(text).flatMap((paused) => (paused.mac === mac ? [paused.network] : []))
}

/** Who is paused where, by the text of a router.yaml; nobody in one that cannot be read. */
export function pausedDevices(text: string): { readonly mac: string; readonly network: string }[] {
  const document = parseDocument(text, { version: '1.2', schema: 'core', logLevel: 'error' })
  const denials: unknown = document.getIn(['firewall', 'deny'])
  if (document.errors.length > 0 || !isSeq(denials)) return []
  const entries: unknown[] = denials.toJSON()
  return entries.flatMap((entry) => {
    const pause = Pause.safeParse(entry).data
    return pause ? [{ mac: pause.source, network: pause.from }] : []
  })
}
