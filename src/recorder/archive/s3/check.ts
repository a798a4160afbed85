import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe } from '../../log.ts'
import { hashFile } from '../file-hash.ts'
import type { S3Settings } from '../settings.ts'
import { S3Client, type S3ClientOptions } from './client.ts'
import type { Credentials } from './credentials.ts'
import { S3Failure } from './failure.ts'
import { bucketArn } from './policy.ts'

/** What was tried at the bucket, in words, and how it went. */
export interface CheckResult {
  readonly what: string
  /** Absent when it worked. */
  readonly problem?: string
}

/** The object that a check leaves: the recorder's key may not delete, and the next check writes it again. */
export function checkKey({ prefix }: S3Settings): string {
  return `${prefix}sekisho-check`
}

/**
 * Does with the recorder's own key all that the recorder does: writes an object, reads it back and lists it. Everything is
 * tried, so that all that is missing is told at once. Nothing is written outside of the prefix.
 */
export async function checkBucket(
  settings: S3Settings,
  credentials: Credentials,
  options: Pick<S3ClientOptions, 'now' | 'timeouts'> = {},
): Promise<CheckResult[]> {
  const client = new S3Client({ settings, credentials, ...options })
  const folder = await mkdtemp(join(tmpdir(), 'sekisho-check-'))
  const key = checkKey(settings)
  const results: CheckResult[] = []
  const attempt = async (what: string, permission: string, work: () => Promise<void>): Promise<boolean> => {
    try {
      await work()
      results.push({ what })
      return true
    } catch (error) {
      results.push({ what, problem: problemOf(error, permission) })
      return false
    }
  }
  try {
    const sent = join(folder, 'sent')
    await writeFile(sent, randomBytes(64).toString('hex'))
    const objects = `${bucketArn(settings)}/${settings.prefix}*`
    const hash = await hashFile(sent)
    const kms = settings.serverSideEncryption === 'aws:kms'
    const wrote = await attempt(
      `write ${key}`,
      `s3:PutObject on ${objects}${kms ? ', and kms:GenerateDataKey on the key' : ''}`,
      () => client.putFile(key, sent, hash),
    )
    await attempt(
      `read ${key} back`,
      `s3:GetObject on ${objects}${kms ? ', and kms:Decrypt on the key' : ''}`,
      async () => {
        const got = join(folder, 'got')
        await client.getFile(key, got, hash.bytes)
        // Without a write of ours it is that of an earlier check.
        if (wrote && !(await readFile(got)).equals(await readFile(sent)))
          throw new S3Failure('user', `GET ${key}: other bytes came back than were written`)
      },
    )
    await attempt(
      `list ${settings.prefix === '' ? 'the bucket' : settings.prefix}`,
      `s3:ListBucket on ${bucketArn(settings)}${settings.prefix === '' ? '' : ` for the prefix ${settings.prefix}*`}`,
      async () => {
        for await (const object of client.list(key)) if (object.key === key) return
        if (wrote) throw new S3Failure('user', `LIST ${key}: what was written is not in the list`)
      },
    )
    return results
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** A refusal by the word of S3 is a right that is missing; of what is absent nobody knows why. */
function problemOf(error: unknown, permission: string): string {
  if (!(error instanceof S3Failure)) return describe(error)
  if (error.status === 403 && /\b(AccessDenied|Forbidden)\b|: 403$|: 403\./.test(error.message))
    return `${error.message.replace(/\. Fix: .*$/, '')}. Fix: the key needs ${permission}; "sekisho archive policy" prints all that it needs`
  return error.message
}
