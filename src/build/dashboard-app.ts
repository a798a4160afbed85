import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { entriesDigest, PROJECT_ROOT, readTree } from '../router/image-ref.ts'
import { cached } from './cache.ts'

const SOURCE = 'src/dashboard/app'

/**
 * Builds the dashboard's pages, once per content, and returns the folder: `index.html`, and under `assets/` its script,
 * its styles and its icon, whose names have a hash of what they hold. A server may tell browsers to keep those for ever.
 */
export async function buildDashboardApp(): Promise<string> {
  const files = readTree(join(PROJECT_ROOT, SOURCE), '').filter(({ path }) => !path.endsWith('.test.ts'))
  const hash = createHash('sha256')
    .update(JSON.stringify(['dashboard app 1', entriesDigest(files)]))
    .update(await readFile(join(PROJECT_ROOT, 'package-lock.json')))
    .update(await readFile(import.meta.filename))
    .digest('hex')
    .slice(0, 16)
  return cached('dashboard-app', hash, build, { keep: 3 })
}

async function build(folder: string): Promise<void> {
  const vite = await import('vite')
  await vite.build({
    root: join(PROJECT_ROOT, SOURCE),
    configFile: false,
    envDir: false,
    publicDir: false,
    // It has warnings to give, and for the rest the returned folder speaks.
    logLevel: 'warn',
    build: {
      outDir: folder,
      emptyOutDir: false,
      target: 'es2022',
      // A data: address in place of a small file would be against the content security policy of some browsers' icons.
      assetsInlineLimit: 0,
      // Its helper is an inline script's work elsewhere; every browser that runs this preloads modules itself.
      modulePreload: { polyfill: false },
    },
  })
}
