import { z } from 'zod'
import { MARKS } from '../../config/changes.ts'
import { printable } from '../../lib/printable.ts'
import type { Host } from '../host.ts'
import { PATHS } from '../paths.ts'
import type { Plan } from '../plan/plan.ts'

/** meta.json of a generation: when it was made, by whom, and what it changed, for people. Nothing reads it to act. */
const Meta = z.object({
  version: z.literal(1),
  createdAt: z.iso.datetime(),
  author: z.string(),
  summary: z.array(z.string()).readonly(),
})
export type GenerationMeta = z.output<typeof Meta>

/** The meta.json of a generation; undefined when it has none that can be read. */
export async function readMeta(host: Host, number: number): Promise<GenerationMeta | undefined> {
  const text = await host.read(`${PATHS.generations}/${number}/meta.json`)
  try {
    return text === undefined ? undefined : Meta.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}

const LONGEST_SUMMARY = 100

/** What the generation that a plan leads to changes, a line each. */
export function summaryOf({ changes, drift, from }: Plan): string[] {
  if (changes.length > 0)
    return changes.map(({ kind, says }) => `${MARKS[kind]} ${says}`).slice(0, LONGEST_SUMMARY)
  if (drift.length > 0) return drift.map(({ says }) => `repaired: ${says}`).slice(0, LONGEST_SUMMARY)
  return [from === undefined ? 'the first' : 'the same router.yaml, as another release reads it']
}

/**
 * Who runs this: whom a program of ours that runs it names, else behind sudo the user who called it, else who logged in, else
 * the user of the process. It is for the reader of a list and proves nothing.
 */
export async function authorOf(
  host: Host,
  env: Readonly<Record<string, string | undefined>>,
  fallback: string,
): Promise<string> {
  const login = (await host.read('/proc/self/loginuid').catch(() => undefined))?.trim() ?? ''
  // 4294967295 is -1: no login (pam_loginuid(8)).
  const passwd = /^\d+$/.test(login) && login !== '4294967295' ? await host.read('/etc/passwd') : undefined
  const name = passwd
    ?.split('\n')
    .find((line) => line.split(':')[2] === login)
    ?.split(':')[0]
  return printable(env.SEKISHO_AUTHOR || env.SUDO_USER || name || fallback).slice(0, 64)
}
