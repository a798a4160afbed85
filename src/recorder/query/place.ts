import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { PATHS } from '../../router/paths.ts'
import type { S3Settings } from '../archive/settings.ts'
import { QueryProblem } from './problem.ts'

/** Where the records are, and what their recorder's settings say that matters for reading them. */
export interface Place {
  /** The data directory of layout.ts. */
  readonly data: string
  /** The site of what is not in the archive yet. */
  readonly site: string
  readonly retentionDays: number
  readonly s3?: S3Settings
}

const SETTINGS = join(PATHS.current, 'modules/recorder/recorder.json')
/** The volume "records" of the module "recorder". */
const DATA = join(PATHS.data, 'recorder/records')
const DEFAULT_SITE = 'home'
const DEFAULT_RETENTION_DAYS = 3650

/**
 * The records of the recorder that is installed here, or those in a directory: another router's, or a copy. Throws a
 * QueryProblem when there are none. router.yaml is not read: what was applied counts, and reading it takes longer than
 * most answers.
 */
export function findPlace(
  directory: string | undefined,
  settingsFile = SETTINGS,
  dataDirectory = DATA,
): Place {
  if (directory !== undefined) {
    const data = resolve(directory)
    if (!existsSync(join(data, 'archive')) && !existsSync(join(data, 'wal')))
      throw new QueryProblem(
        `${data} has neither archive/ nor wal/. Fix: name a data directory of a recorder`,
      )
    return { data, site: DEFAULT_SITE, retentionDays: DEFAULT_RETENTION_DAYS }
  }
  let settings: { site?: unknown; retentionDays?: unknown; archive?: { s3?: S3Settings } }
  try {
    settings = JSON.parse(readFileSync(settingsFile, 'utf8')) as typeof settings
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'EACCES') throw new QueryProblem(`${settingsFile} is root's. Fix: run it as root`)
    throw new QueryProblem(
      'no recorder is installed here. Fix: add "recorder" to the modules of router.yaml and apply, or name a directory with --data',
    )
  }
  const { site, retentionDays, archive } = settings
  return {
    data: dataDirectory,
    site: typeof site === 'string' ? site : DEFAULT_SITE,
    retentionDays: typeof retentionDays === 'number' ? retentionDays : DEFAULT_RETENTION_DAYS,
    ...(archive?.s3 && { s3: archive.s3 }),
  }
}
