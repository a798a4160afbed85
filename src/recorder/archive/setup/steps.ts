import { policyFor } from '../s3/policy.ts'
import type { S3Settings } from '../settings.ts'

const OLD_VERSIONS_DAYS = 30
const POLICY_NAME = 'sekisho-recorder'

export interface SetupOptions {
  /** The IAM user whose access key the recorder has. */
  readonly user?: string
  /** Objects are deleted after so many days; absent: never. */
  readonly expireDays?: number
}

/** A step of the setup: a request to the bucket, or to IAM. */
export interface SetupStep {
  /** For people. */
  readonly what: string
  readonly kind: 'create' | 'public-access' | 'versions' | 'lifecycle' | 'policy'
  /** Of the bucket: "lifecycle" in ?lifecycle. */
  readonly resource?: string
  /** XML for S3, the policy's JSON for IAM. */
  readonly body: string
  /** The same as a command of the AWS CLI, in words. */
  readonly command: readonly string[]
}

/**
 * What makes a bucket ready for the recorder (Amazon S3 API Reference: CreateBucket, PutPublicAccessBlock,
 * PutBucketVersioning, PutBucketLifecycleConfiguration; IAM API Reference: PutUserPolicy). With versions a key that was
 * stolen can neither delete nor overwrite for good: the policy has no right to delete, and old versions stay a while.
 */
export function setupSteps(s3: S3Settings, options: SetupOptions = {}): SetupStep[] {
  const { bucket, region } = s3
  const amazon = isAmazon(s3)
  const cli = (verb: string, ...more: string[]): string[] => [
    'aws',
    's3api',
    verb,
    '--bucket',
    bucket,
    '--region',
    region,
    ...(amazon ? [] : ['--endpoint-url', s3.endpoint]),
    ...more,
  ]
  const elsewhere = amazon && region !== 'us-east-1'
  const location = `LocationConstraint=${region}`
  return [
    {
      what: `the bucket ${bucket} in ${region}`,
      kind: 'create',
      body: elsewhere
        ? `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>${region}</LocationConstraint></CreateBucketConfiguration>`
        : '',
      command: cli('create-bucket', ...(elsewhere ? ['--create-bucket-configuration', location] : [])),
    },
    {
      what: 'nothing of it is public',
      kind: 'public-access',
      resource: 'publicAccessBlock',
      body: `<PublicAccessBlockConfiguration>${PUBLIC.map((key) => `<${key}>true</${key}>`).join('')}</PublicAccessBlockConfiguration>`,
      command: cli(
        'put-public-access-block',
        '--public-access-block-configuration',
        PUBLIC.map((key) => `${key}=true`).join(','),
      ),
    },
    {
      what: 'what is overwritten stays as an old version',
      kind: 'versions',
      resource: 'versioning',
      body: '<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>',
      command: cli('put-bucket-versioning', '--versioning-configuration', 'Status=Enabled'),
    },
    lifecycle(s3, options.expireDays, cli),
    {
      what:
        options.user === undefined
          ? "the rights of the recorder's key, to be attached to its user"
          : `the rights of ${options.user}, whose key the recorder has`,
      kind: 'policy',
      body: JSON.stringify(policyFor(s3)),
      command: [
        'aws',
        'iam',
        'put-user-policy',
        '--user-name',
        options.user ?? 'USER',
        '--policy-name',
        POLICY_NAME,
        '--policy-document',
        JSON.stringify(policyFor(s3)),
      ],
    },
  ]
}

/** The name that the policy has at its user. */
export function policyName(): string {
  return POLICY_NAME
}

export function isAmazon({ endpoint }: S3Settings): boolean {
  return /\.amazonaws\.com(\.cn)?$/.test(new URL(endpoint).hostname)
}

const PUBLIC = ['BlockPublicAcls', 'IgnorePublicAcls', 'BlockPublicPolicy', 'RestrictPublicBuckets'] as const

function lifecycle(
  { prefix }: S3Settings,
  expireDays: number | undefined,
  cli: (verb: string, ...more: string[]) => string[],
): SetupStep {
  const rules = [
    {
      ID: 'sekisho-old-versions',
      Filter: { Prefix: prefix },
      Status: 'Enabled',
      NoncurrentVersionExpiration: { NoncurrentDays: OLD_VERSIONS_DAYS },
    },
    ...(expireDays === undefined
      ? []
      : [
          {
            ID: 'sekisho-expire',
            Filter: { Prefix: prefix },
            Status: 'Enabled',
            Expiration: { Days: expireDays },
          },
        ]),
  ]
  const forever =
    expireDays === undefined ? 'records are never deleted' : `records are deleted after ${expireDays} days`
  return {
    what: `old versions go after ${OLD_VERSIONS_DAYS} days; ${forever}`,
    kind: 'lifecycle',
    resource: 'lifecycle',
    body: `<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${rules.map((rule) => `<Rule>${xml(rule)}</Rule>`).join('')}</LifecycleConfiguration>`,
    command: cli(
      'put-bucket-lifecycle-configuration',
      '--lifecycle-configuration',
      JSON.stringify({ Rules: rules }),
    ),
  }
}

function xml(value: object): string {
  return Object.entries(value)
    .map(
      ([key, item]) =>
        `<${key}>${typeof item === 'object' ? xml(item as object) : escapeXml(String(item))}</${key}>`,
    )
    .join('')
}

function escapeXml(text: string): string {
  return text.replace(/[<>&"']/g, (sign) => `&#${sign.charCodeAt(0)};`)
}
