import { existsSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'

/*
 * Where the command line begins, in JavaScript: to read the first TypeScript takes Node 50 ms, unless what it made of it is
 * kept. An installed release holds nothing but what was installed, so there that lies elsewhere; in both places only
 * their owner writes.
 */

const root = join(import.meta.dirname, '../..')
enableCompileCache(
  existsSync(join(root, 'INSTALLED')) ? '/var/cache/sekisho/compile' : join(root, '.cache/compile'),
)
await import('./main.ts')
