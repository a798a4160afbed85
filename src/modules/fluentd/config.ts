import { z } from 'zod'
import { FilePath, Port } from '../../config/schema.ts'

const MiB = 1024 * 1024

const Networks = z.array(z.string()).max(32).default([])

const S3 = z.strictObject({
  bucket: z.string().regex(/^(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'a bucket name like home-network'),
  region: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/, 'a region like ap-northeast-1')
    .meta({ examples: ['ap-northeast-1'] }),
  endpoint: z
    .string()
    .regex(
      /^https?:\/\/(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?$/,
      'an address like https://s3.example.org',
    )
    .optional()
    .describe("Where another service than Amazon's answers"),
  prefix: z
    .string()
    .max(200)
    .regex(/^(?!\/)[A-Za-z0-9._=/-]*$/, 'a prefix like logs/ (letters, digits and ._=/-)')
    .transform((text) => (text === '' || text.endsWith('/') ? text : `${text}/`))
    .default('')
    .describe('What every key begins with'),
  credentials_file: FilePath.default('/etc/sekisho/secrets/s3').describe(
    "The access key, in the format of AWS's shared credentials file; root's, mode 0400",
  ),
})

const Mackerel = z.strictObject({
  api_key_file: FilePath.default('/etc/sekisho/secrets/mackerel').describe("The API key; root's, mode 0400"),
  host_id_file: FilePath.optional().describe(
    "The agent's file with the host's id; default: /var/lib/mackerel-agent/id",
  ),
  service: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{1,62}$/, "a service's name in Mackerel")
    .optional()
    .describe('In place of the host: metrics of a service'),
})

/** What the module fluentd can be told. */
export const FluentdConfig = z.strictObject({
  forward: z
    .strictObject({
      port: Port.default(24224),
      networks: Networks.describe('Networks whose hosts may send; programs on the router always may'),
      shared_key_file: FilePath.optional().describe(
        "The key that every sender has to know; root's, mode 0400",
      ),
    })
    .prefault({})
    .describe("Fluentd's Forward protocol over TCP"),
  syslog: z
    .union([z.literal('off'), z.strictObject({ port: Port.default(5514) })])
    .prefault({})
    .describe("The host's syslog over TCP, on the router itself"),
  netflow: z
    .union([
      z.literal('off'),
      z.strictObject({
        port: z.int().min(1024).max(65_535).default(2055),
        networks: Networks.describe('Networks from which switches and access points export'),
      }),
    ])
    .prefault({})
    .describe('NetFlow v5 and v9 over UDP'),
  s3: S3.optional().describe('Where everything is kept; without it what comes is thrown away'),
  mackerel: Mackerel.optional().describe('Events with the tag metrics.… go to Mackerel'),
  buffer_bytes: z
    .int()
    .min(64 * MiB)
    .max(2 ** 40)
    .default(1024 * MiB)
    .describe('What waits for the bucket takes at most this much; beyond it the oldest goes'),
})
export type FluentdConfig = z.output<typeof FluentdConfig>
