import { open } from 'node:fs/promises'
import { describe } from '../../log.ts'

export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

const MAX_BYTES = 64 * 1024

/**
 * Reads an access key from a file: AWS's shared credentials format (the section [default], else the first), or lines as
 * an environment has them (AWS_ACCESS_KEY_ID=…). Without a file, from the environment. Throws a text without secrets.
 */
export async function readCredentials(
  file: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Credentials> {
  if (file === undefined) {
    return from(env, 'the environment has no AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY')
  }
  let text: string
  try {
    text = await readBounded(file)
  } catch (error) {
    throw new Error(`the S3 credentials cannot be read: ${describe(error)}`)
  }
  return from(parseCredentials(text), `${file} has no aws_access_key_id and aws_secret_access_key`)
}

async function readBounded(file: string): Promise<string> {
  const handle = await open(file)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAX_BYTES), 0, MAX_BYTES, 0)
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await handle.close()
  }
}

/** The keys of the section [default], or of the first section, in upper case. */
export function parseCredentials(text: string): Readonly<Record<string, string>> {
  const sections = new Map<string, Record<string, string>>()
  let name = ''
  for (const line of text.split(/\r?\n/)) {
    const header = /^\s*\[\s*([^\]]*?)\s*\]/.exec(line)
    if (header) name = header[1] ?? ''
    const entry = /^\s*(?:export\s+)?(\w{1,64})\s*=\s*["']?([^\s"']+)["']?\s*$/.exec(line)
    if (!entry?.[1] || !entry[2]) continue
    const section = sections.get(name) ?? {}
    section[entry[1].toUpperCase()] = entry[2]
    sections.set(name, section)
  }
  return sections.get('default') ?? [...sections.values()][0] ?? {}
}

function from(values: Readonly<Record<string, string | undefined>>, problem: string): Credentials {
  const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: token } = values
  if (!id || !secret) throw new Error(problem)
  return { accessKeyId: id, secretAccessKey: secret, ...(token && { sessionToken: token }) }
}
