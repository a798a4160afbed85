import { z } from 'zod'
import type { Issue } from '../../config/issue.ts'
import { FilePath } from '../../config/schema.ts'
import type { Mount } from '../../router/module.ts'
import { isNear } from './near.ts'

/*
 * The part of the recorder's configuration that says where the archive goes and what it may cost.
 */

const MiB = 1024 * 1024
const CREDENTIALS = '/etc/sekisho/s3-credentials'

/** The rules of AWS for general purpose buckets, which other services keep too. */
const Bucket = z
  .string()
  .regex(
    /^(?!xn--|sthree-|amzn-s3-demo-)(?!.*\.\.)(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
    'a bucket name like home-network (3 to 63 lower-case letters, digits, "." and "-", not an address)',
  )

const Endpoint = z
  .string()
  .refine(isOrigin, 'an address like https://s3.example.org (no path, user or query)')
  .describe("Where another service than Amazon's answers")

const Prefix = z
  .string()
  .max(200)
  .regex(
    /^(?!\/)(?!.*\/\/)(?!(.*\/)?\.{1,2}\/)[A-Za-z0-9!_.()=/-]*$/,
    'a prefix like logs/ (letters, digits and !_.()=-/, not beginning with "/")',
  )
  .transform((text) => (text === '' || text.endsWith('/') ? text : `${text}/`))

const S3 = z.strictObject({
  bucket: Bucket,
  region: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/, 'a region like ap-northeast-1')
    .meta({ examples: ['ap-northeast-1'] }),
  endpoint: Endpoint.optional(),
  prefix: Prefix.default('').describe('What every key begins with'),
  credentials_file: FilePath.optional().describe(
    "The access key, in the format of AWS's shared credentials file; root's, mode 0400",
  ),
  path_style: z
    .boolean()
    .optional()
    .describe(
      'The bucket stands in the path and not in the host name; default: with an endpoint of your own',
    ),
  server_side_encryption: z.enum(['AES256', 'aws:kms']).optional(),
  kms_key_id: z
    .string()
    .regex(/^[A-Za-z0-9:/_-]{1,256}$/, 'a KMS key (its identifier, its ARN or an alias/…)')
    .optional(),
})

const price = (what: string) => z.number().min(0).max(1000).optional().describe(what)

export const ArchiveConfig = z.strictObject({
  format: z
    .enum(['parquet', 'ndjson.gz'])
    .default('parquet')
    .describe('Of the objects in the bucket: a Parquet file a day, or gzipped JSON lines an hour'),
  s3: S3.optional().describe('A bucket at Amazon or a compatible service; without it the archive stays here'),
  spool_bytes: z
    .int()
    .min(16 * MiB)
    .max(2 ** 50)
    .optional()
    .describe(
      'What waits for its upload takes at most this much; beyond it the oldest goes; default max_bytes',
    ),
  budget_yen_per_month: z
    .number()
    .min(0)
    .max(1_000_000)
    .optional()
    .describe('"sekisho cost" warns beyond it'),
  prices: z
    .strictObject({
      storage_gb_month: price('Dollars for a GB kept for a month'),
      put_1000: price('Dollars for 1000 PUT or LIST requests'),
      get_1000: price('Dollars for 1000 GET or HEAD requests'),
      yen_per_dollar: z.number().min(1).max(10_000).optional(),
      as_of: z.iso.date().optional().describe('The date of these prices'),
    })
    .optional()
    .describe('In place of the prices that Sekisho knows'),
})
export type ArchiveConfig = z.output<typeof ArchiveConfig>

function isOrigin(text: string): boolean {
  const url = URL.parse(text)
  return (
    url !== null &&
    ['http:', 'https:'].includes(url.protocol) &&
    url.pathname === '/' &&
    url.username + url.password + url.search + url.hash === '' &&
    url.hostname !== ''
  )
}

/** What is wrong with an archive although each of its keys is right. */
export function checkArchive(config: ArchiveConfig, maxBytes: number): Issue[] {
  const { s3 } = config
  const at = (...path: string[]) => ['modules', 'recorder', 'archive', ...path]
  const issues: Issue[] = []
  if (config.spool_bytes !== undefined && config.spool_bytes > maxBytes) {
    issues.push({
      path: at('spool_bytes'),
      message: `${config.spool_bytes} is more than all records may take (max_bytes, ${maxBytes})`,
      fix: 'make it smaller, or max_bytes larger',
    })
  }
  if (!s3) {
    for (const key of ['spool_bytes', 'format'] as const) {
      if (config[key] === undefined || config[key] === 'parquet') continue
      issues.push({
        path: at(key),
        message: 'nothing is uploaded, the archive stays here as Parquet',
        fix: `add s3: with bucket and region, or leave ${key} out`,
      })
    }
    return issues
  }
  if (s3.endpoint?.startsWith('http:') && !isNear(new URL(s3.endpoint).hostname)) {
    issues.push({
      path: at('s3', 'endpoint'),
      message: `${s3.endpoint} would carry the records unencrypted through the Internet`,
      fix: 'write https:, or the private address of a server of your own',
    })
  }
  if (s3.kms_key_id !== undefined && s3.server_side_encryption !== 'aws:kms') {
    issues.push({
      path: at('s3', 'kms_key_id'),
      message: 'a KMS key is used only with server_side_encryption: aws:kms',
      fix: 'add server_side_encryption: aws:kms, or remove kms_key_id',
    })
  }
  if (s3.path_style === false && s3.bucket.includes('.') && s3.endpoint?.startsWith('http:') !== true) {
    issues.push({
      path: at('s3', 'path_style'),
      message: `no certificate holds for a host name that begins with "${s3.bucket}", because of its dot`,
      fix: 'remove path_style, or choose a bucket without dots',
    })
  }
  if (s3.credentials_file === undefined) {
    issues.push({
      path: at('s3'),
      message:
        'without credentials_file the recorder looks for AWS_ACCESS_KEY_ID in its environment, where its container has none',
      fix: 'add credentials_file: /etc/sekisho/secrets/s3',
      severity: 'warning',
    })
  }
  return issues
}

/** What the recorder reads of it (src/recorder/archive/settings.ts); never a secret, only where it lies. */
export function archiveSettings(config: ArchiveConfig, maxBytes: number): object {
  const { s3, prices } = config
  return {
    format: config.format,
    spoolBytes: config.spool_bytes ?? maxBytes,
    ...(s3 && {
      s3: {
        bucket: s3.bucket,
        region: s3.region,
        endpoint: s3.endpoint?.replace(/\/$/, '') ?? `https://s3.${s3.region}.amazonaws.com`,
        prefix: s3.prefix,
        pathStyle: s3.path_style ?? (s3.endpoint !== undefined || s3.bucket.includes('.')),
        ...(s3.credentials_file !== undefined && {
          credentialsFile: CREDENTIALS,
          hostCredentialsFile: s3.credentials_file,
        }),
        ...(s3.server_side_encryption && { serverSideEncryption: s3.server_side_encryption }),
        ...(s3.kms_key_id !== undefined && { kmsKeyId: s3.kms_key_id }),
      },
    }),
    ...(config.budget_yen_per_month !== undefined && { budgetYenPerMonth: config.budget_yen_per_month }),
    ...(prices && {
      prices: {
        ...(prices.storage_gb_month !== undefined && { storagePerGbMonth: prices.storage_gb_month }),
        ...(prices.put_1000 !== undefined && { putPer1000: prices.put_1000 }),
        ...(prices.get_1000 !== undefined && { getPer1000: prices.get_1000 }),
        ...(prices.yen_per_dollar !== undefined && { yenPerDollar: prices.yen_per_dollar }),
        ...(prices.as_of !== undefined && { asOf: prices.as_of }),
      },
    }),
  }
}

/** The credentials' file, where the recorder looks for it. */
export function archiveMounts({ s3 }: ArchiveConfig): Mount[] {
  return s3?.credentials_file === undefined
    ? []
    : [{ kind: 'host', source: s3.credentials_file, target: CREDENTIALS }]
}
