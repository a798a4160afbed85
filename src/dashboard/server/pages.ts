import type { Context } from 'hono'
import { refuse } from './guards.ts'
import type { StaticFile } from './static-files.ts'

/** The pages' own addresses: one document, whose script shows what the address says. */
const PAGES = /^\/(devices(\/[^/]+)?|names|connections|search|services|changes|archive|sign-in)?$/

/** Answers with a file of the pages. */
export function answerPage(c: Context, files: ReadonlyMap<string, StaticFile>): Response {
  const path = PAGES.test(c.req.path) ? '/index.html' : c.req.path
  const file = files.get(path)
  if (file === undefined) return refuse(c, 404, 'there is no such page')
  const gzipped = acceptsGzip(c.req.header('accept-encoding')) ? file.gzipped : undefined
  return c.body(gzipped ?? file.plain, 200, {
    'content-type': file.type,
    'cache-control': file.immutable ? 'public, max-age=31536000, immutable' : 'no-store',
    ...(file.gzipped && { vary: 'accept-encoding' }),
    ...(gzipped && { 'content-encoding': 'gzip' }),
  })
}

/** RFC 9110 section 12.5.3, as far as browsers use it. */
function acceptsGzip(header = ''): boolean {
  return /(^|,)\s*gzip\s*(,|$)/i.test(header)
}
