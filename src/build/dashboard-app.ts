import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runOk } from '../lib/run.ts'
import { entriesDigest, PROJECT_ROOT, readTree } from '../router/image-ref.ts'
import { cached } from './cache.ts'

const SOURCE = 'src/dashboard/app'
/** What else of ours its script is made of. */
const LIBRARY = 'src/lib'

/**
 * Builds the dashboard's pages, once per content, and returns the folder: `index.html`, and under `assets/` its script,
 * its styles and its icon, whose names have a hash of what they hold. A server may tell browsers to keep those for ever.
 */
export async function buildDashboardApp(): Promise<string> {
  const files = [SOURCE, LIBRARY]
    .flatMap((folder) => readTree(join(PROJECT_ROOT, folder), folder))
    .filter(({ path }) => !path.endsWith('.test.ts'))
  const hash = createHash('sha256')
    .update(JSON.stringify(['dashboard app 2', entriesDigest(files)]))
    .update(await readFile(join(PROJECT_ROOT, 'package-lock.json')))
    .update(await readFile(import.meta.filename))
    .digest('hex')
    .slice(0, 16)
  return cached('dashboard-app', hash, build, { keep: 3 })
}

/** In a process of its own: what vite makes depends on its environment, and ours may be a test's. */
async function build(folder: string): Promise<void> {
  const vite = join(PROJECT_ROOT, 'node_modules/vite/bin/vite.js')
  const options = ['--configLoader', 'native', '--outDir', folder]
  await runOk([process.execPath, vite, 'build', ...options], {
    cwd: join(PROJECT_ROOT, SOURCE),
    env: { NODE_ENV: 'production' },
  })
}
