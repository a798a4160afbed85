import type { S3Settings } from '../recorder/archive/settings.ts'
import { recorderSettings } from './recorder-settings.ts'

/** The bucket that a router.yaml names; undefined, said on stderr, when it is wrong or has none. */
export async function bucketOf(file: string | undefined): Promise<S3Settings | undefined> {
  const settings = await recorderSettings(file)
  if (!settings) return undefined
  const { s3 } = settings.archive
  if (s3) return s3
  process.stderr.write(
    'this router has no bucket. Fix: add archive: { s3: { bucket: …, region: … } } to modules.recorder\n',
  )
  process.exitCode = 1
  return undefined
}
