import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from '../../recorder/atomic-file.ts'
import type { MackerelApi, Outcome } from './api.ts'
import { hostInfo } from './host-info.ts'
import type { MackerelSettings } from './settings.ts'

/** Who we are to Mackerel, or why that cannot be told now. */
export type Identity =
  | { readonly kind: 'known'; readonly hostId: string }
  | Exclude<Outcome, { kind: 'done' }>

interface Remembered {
  /** Ours alone, made before we registered: who lost the answer to that finds the host by it, and makes no second one. */
  readonly identifier: string
  readonly hostId?: string
}

/** Finds this host at Mackerel: the one of an agent's id file, or our own, which is registered when it is not there. */
export async function identify(api: MackerelApi, settings: MackerelSettings): Promise<Identity> {
  if (settings.hostIdFile !== undefined) return hostOfFile(api, settings.hostIdFile)
  const remembered = await remember(settings.data)
  const { hostId } = remembered
  if (hostId !== undefined) {
    const outcome = await api.request('GET', `/api/v0/hosts/${hostId}`)
    const found = liveHost(outcome)
    if (found !== 'gone') return found === 'here' ? update(api, settings, remembered, hostId) : found
  }
  return register(api, settings, remembered)
}

async function register(
  api: MackerelApi,
  settings: MackerelSettings,
  { identifier }: Remembered,
): Promise<Identity> {
  const byIdentifier = await api.request('GET', `/api/v0/hosts-by-custom-identifier/${identifier}`)
  const found = liveHost(byIdentifier)
  if (found === 'here' && byIdentifier.kind === 'done') {
    const hostId = idOf((byIdentifier.body as { host?: unknown }).host)
    if (hostId === undefined) return odd
    await save(settings.data, { identifier, hostId })
    return update(api, settings, { identifier }, hostId)
  }
  if (found !== 'gone' && found !== 'here') return found
  const outcome = await api.request('POST', '/api/v0/hosts', hostInfo(settings, identifier))
  if (outcome.kind !== 'done') return outcome
  const hostId = idOf(outcome.body)
  if (hostId === undefined) return odd
  await save(settings.data, { identifier, hostId })
  return { kind: 'known', hostId }
}

/** Tells Mackerel what the machine is like now; our points do not wait for it when it refuses that. */
async function update(
  api: MackerelApi,
  settings: MackerelSettings,
  { identifier }: Remembered,
  hostId: string,
): Promise<Identity> {
  const outcome = await api.request('PUT', `/api/v0/hosts/${hostId}`, hostInfo(settings, identifier))
  return outcome.kind === 'later' ? outcome : { kind: 'known', hostId }
}

/** An agent has registered this host and describes it: only its id is taken. */
async function hostOfFile(api: MackerelApi, file: string): Promise<Identity> {
  const hostId = (await readFile(file, 'utf8').catch(() => '')).trim()
  if (!HOST_ID.test(hostId)) return { kind: 'later', reason: 'the file with the host id has none in it' }
  const found = liveHost(await api.request('GET', `/api/v0/hosts/${hostId}`))
  if (found === 'here') return { kind: 'known', hostId }
  return found === 'gone'
    ? { kind: 'later', reason: `host ${hostId} of the id file is retired, or of another organization` }
    : found
}

const HOST_ID = /^[A-Za-z0-9]{1,32}$/
const odd: Identity = { kind: 'later', reason: 'the server names no host' }

/** Whether an answer has a host that is not retired; 404 says that there is none (mackerel.io/api-docs/entry/hosts). */
function liveHost(outcome: Outcome): 'here' | 'gone' | Exclude<Outcome, { kind: 'done' }> {
  if (outcome.kind === 'later') return outcome
  if (outcome.kind === 'refused') return outcome.status === 404 ? 'gone' : outcome
  const { host } = (outcome.body ?? {}) as { host?: { isRetired?: unknown } }
  return host === undefined || host.isRetired === true ? 'gone' : 'here'
}

function idOf(value: unknown): string | undefined {
  const { id } = (value ?? {}) as { id?: unknown }
  return typeof id === 'string' && HOST_ID.test(id) ? id : undefined
}

async function remember(data: string): Promise<Remembered> {
  try {
    const value = JSON.parse(await readFile(fileOf(data), 'utf8')) as Partial<Remembered> | null
    const hostId = idOf({ id: value?.hostId })
    if (typeof value?.identifier === 'string' && /^[a-z0-9-]{1,64}$/.test(value.identifier))
      return { identifier: value.identifier, ...(hostId !== undefined && { hostId }) }
  } catch {
    // None yet, or it was damaged: then we are a new host.
  }
  const fresh = { identifier: `sekisho-${randomUUID()}` }
  await save(data, fresh)
  return fresh
}

function save(data: string, remembered: Remembered): Promise<void> {
  return writeFileAtomic(fileOf(data), `${JSON.stringify(remembered)}\n`)
}

function fileOf(data: string): string {
  return join(data, 'host.json')
}
