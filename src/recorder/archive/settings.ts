/** Where the archive goes; `parseSettings` of ../settings.ts reads it with the rest of recorder.json. */
export interface ArchiveSettings {
  readonly format: 'parquet' | 'ndjson.gz'
  /** Bytes that may wait for their upload. */
  readonly spoolBytes: number
  readonly s3?: S3Settings
  readonly budgetYenPerMonth?: number
  /** Of the user's own, in dollars; they replace those of cost/prices.ts one by one. */
  readonly prices?: Readonly<Record<string, number | string>>
}

export interface S3Settings {
  readonly bucket: string
  readonly region: string
  /** Scheme and host, no slash at the end. */
  readonly endpoint: string
  /** Empty, or with a slash at the end. */
  readonly prefix: string
  readonly pathStyle: boolean
  /** Absent: the environment has the access key. */
  readonly credentialsFile?: string
  /** The same file where the container does not matter: for `sekisho query`. */
  readonly hostCredentialsFile?: string
  readonly serverSideEncryption?: 'AES256' | 'aws:kms'
  readonly kmsKeyId?: string
}

/** Checks what our own renderer wrote; throws on anything else. */
export function parseArchiveSettings(value: unknown): ArchiveSettings {
  const all = value as Partial<ArchiveSettings> | null | undefined
  const { format, spoolBytes, s3 } = all ?? {}
  if ((format !== 'parquet' && format !== 'ndjson.gz') || !Number.isSafeInteger(spoolBytes))
    throw new Error('archive is not as its renderer writes it')
  if (s3 && [s3.bucket, s3.region, s3.endpoint, s3.prefix].some((text) => typeof text !== 'string'))
    throw new Error('archive.s3 is not as its renderer writes it')
  return all as ArchiveSettings
}
