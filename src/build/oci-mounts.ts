import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/*
 * Run by the build engine's runtime before `runc create`, with runc's own arguments: adds mounts to the
 * bundle's config.json (OCI runtime specification, "Mounts").
 */

const [mountsFile, ...args] = process.argv.slice(2)
const bundle = args[args.indexOf('--bundle') + 1]
if (mountsFile === undefined || bundle === undefined || !args.includes('--bundle')) {
  throw new Error(`no --bundle in ${JSON.stringify(args)}`)
}
const file = join(bundle, 'config.json')
const spec = JSON.parse(readFileSync(file, 'utf8')) as { mounts?: unknown[] }
const added = JSON.parse(readFileSync(mountsFile, 'utf8')) as unknown[]
spec.mounts = [...(spec.mounts ?? []), ...added]
writeFileSync(file, JSON.stringify(spec))
