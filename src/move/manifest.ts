import { createHash } from 'node:crypto'
import { z } from 'zod'
import { mayTravel } from './travel.ts'

/** The archive's first member; it lists every other one. */
export const MANIFEST = 'manifest.json'

/** What the members' names begin with; the rest is the path on the router, so that tar alone can read it. */
export const FILES = 'files'

/** The manifest of a hundred thousand files has half of this. */
export const MAX_MANIFEST = 32 * 1024 * 1024
const MAX_FILES = 200_000

const TravelPath = z.string().refine(mayTravel, 'a path that an archive may hold')
const Id = z.int().min(0).max(0xffff_fffe)

const ArchivedFile = z.strictObject({
  path: TravelPath,
  /** 'config' is the folder of router.yaml and what it names, 'secret' what others may not read, 'data' is kept data. */
  kind: z.enum(['config', 'secret', 'data']),
  size: z.int().min(0),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  mode: z.int().min(0).max(0o777),
  uid: Id,
  gid: Id,
})

/** A folder of kept data, which gets its owner and mode before what is in it. */
const ArchivedFolder = z.strictObject({
  path: TravelPath,
  mode: z.int().min(0).max(0o777),
  uid: Id,
  gid: Id,
  /** Everything that was in it is in the archive: nothing else may be in it afterwards. */
  whole: z.literal(true).optional(),
})

/** It is shown on terminals: no control characters. */
const text = z
  .string()
  .max(200)
  .regex(/^[\x20-\x7e]*$/)

const ArchivedPort = z.strictObject({
  name: text,
  mac: text,
  /** The kernel's driver and the place on the bus, like 0000:01:00.0; absent of virtual ports. */
  driver: text.optional(),
  bus: text.optional(),
})

const Manifest = z.strictObject({
  format: z.literal(1),
  release: text,
  /** ISO 8601, UTC. */
  created_at: z.iso.datetime(),
  hostname: text,
  ports: z.array(ArchivedPort).max(1000),
  folders: z.array(ArchivedFolder).max(MAX_FILES),
  files: z.array(ArchivedFile).max(MAX_FILES),
  /** Secrets that were left out on request. */
  left_out: z.array(TravelPath).max(MAX_FILES),
  /** SHA-256 of the other fields. */
  digest: z.string(),
})

export type ArchivedFile = z.output<typeof ArchivedFile>
export type ArchivedFolder = z.output<typeof ArchivedFolder>
export type ArchivedPort = z.output<typeof ArchivedPort>
export type BackupManifest = z.output<typeof Manifest>

/** Completes a manifest with its format and digest. */
export function sealBackup(content: Omit<BackupManifest, 'format' | 'digest'>): BackupManifest {
  // Parsed, so that its keys are in the order in which a reader will have them.
  const { digest: _, ...body } = Manifest.parse({ format: 1, ...content, digest: '' })
  return { ...body, digest: digestOf(body) }
}

/** Reads a manifest's text; a string says what is wrong with it. */
export function parseBackup(json: string): BackupManifest | string {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    return 'its manifest is damaged'
  }
  const format = z.looseObject({ format: z.int() }).safeParse(value)
  if (format.success && format.data.format > 1)
    return `it is of format ${format.data.format}, which a newer Sekisho wrote`
  const parsed = Manifest.safeParse(value)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    return `its manifest is not one (${issue?.path.join('.')}: ${issue?.message})`
  }
  const { digest, ...body } = parsed.data
  if (digest !== digestOf(body)) return 'its manifest is damaged'
  const paths = [...body.files, ...body.folders].map(({ path }) => path)
  const files = new Set(body.files.map(({ path }) => path))
  if (new Set(paths).size !== paths.length) return 'its manifest names a path twice'
  // A file where another's folder has to be would be written through.
  if (paths.some((path) => ancestors(path).some((folder) => files.has(folder))))
    return 'its manifest has a file inside a file'
  return parsed.data
}

function ancestors(path: string): string[] {
  const parts = path.split('/').slice(1, -1)
  return parts.map((_, i) => `/${parts.slice(0, i + 1).join('/')}`)
}

function digestOf(body: Omit<BackupManifest, 'digest'>): string {
  return createHash('sha256').update(JSON.stringify(body)).digest('hex')
}
