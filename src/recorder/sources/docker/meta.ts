import { open } from 'node:fs/promises'
import type { ContainerRecord } from '../../records/container.ts'

export type ContainerMeta = Pick<ContainerRecord, 'project' | 'service' | 'module'> & {
  /** The container's name without Docker's leading "/"; absent when its file could not be read. */
  readonly name?: string
}

const MAX_BYTES = 4 * 1024 * 1024
const MAX_TEXT = 255

/** Reads name and labels from a container's config.v2.json. It holds the container's environment as well: only these leave. */
export async function readContainerMeta(path: string): Promise<ContainerMeta> {
  try {
    const file = await open(path, 'r')
    try {
      if ((await file.stat()).size > MAX_BYTES) return {}
      return metaOf(await file.readFile('utf8'))
    } finally {
      await file.close()
    }
  } catch {
    // It is being written, or gone with its container: the log lines are worth storing all the same.
    return {}
  }
}

/** The same from the file's text; {} when it is not such a file. */
export function metaOf(text: string): ContainerMeta {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return {}
  }
  const name = textAt(value, 'Name')?.replace(/^\//, '')
  const labels = at(at(value, 'Config'), 'Labels')
  const project = textAt(labels, 'com.docker.compose.project')
  const service = textAt(labels, 'com.docker.compose.service')
  const module = textAt(labels, 'org.sekisho.module')
  return {
    ...(name && { name }),
    ...(project && { project }),
    ...(service && { service }),
    ...(module && { module }),
  }
}

function at(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined
}

function textAt(value: unknown, key: string): string | undefined {
  const text = at(value, key)
  return typeof text === 'string' ? text.slice(0, MAX_TEXT) : undefined
}
