import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Issue } from './config/issue.ts'
import { type Migrated, migrate } from './config/migrate.ts'
import { MAX_BYTES } from './config/parse.ts'
import type { Check, RouterConfig } from './config/schema.ts'
import { validate } from './config/validate.ts'
import { buildLocalImage, ensureImages } from './install/images.ts'
import { runOk } from './lib/run.ts'
import { MODULES } from './modules.ts'
import { checkHostFiles } from './router/check-host-files.ts'
import { checkPppoe } from './router/check-pppoe.ts'
import { compile, type ModuleUse } from './router/compile.ts'
import type { DesiredState } from './router/desired.ts'
import { imageRef, PROJECT_ROOT } from './router/image-ref.ts'
import type { Router } from './router/model.ts'
import type { ModuleOutput } from './router/module.ts'
import { normalise } from './router/normalise.ts'
import { PATHS } from './router/paths.ts'
import { type LocatedModule, loadUserModules } from './user-modules.ts'

type Migration = NonNullable<Extract<Migrated, { ok: true }>['migration']>

export type LoadedRouter =
  | {
      readonly ok: true
      /** The text in the current version of the format, whatever the file is of. */
      readonly text: string
      readonly config: RouterConfig
      /** How the file became that; absent when it is of the current version. */
      readonly migration?: Migration
      readonly router: Router
      readonly desired: DesiredState
      readonly warnings: readonly Issue[]
      /** What the file promises, and what its modules say: for its proof. */
      readonly checks: readonly Check[]
      readonly outputs: ReadonlyMap<string, ModuleOutput>
      /** Gives issues found later their place in the file. */
      readonly locate: (issues: readonly Issue[]) => Issue[]
      /** Loads or builds the images named, those of a user's own modules too. */
      readonly ensureImages: typeof ensureImages
    }
  | { readonly ok: false; readonly text: string; readonly issues: readonly Issue[] }

/** Every module that a router.yaml may name: ours, and those whose folder it names. */
function shippedModules(): LocatedModule[] {
  return MODULES.map((module) => ({ module, folder: join(PROJECT_ROOT, 'src/modules', module.name) }))
}

/**
 * The straight line from a router.yaml to the desired state: read, validate, normalise, compile. All that is
 * wrong with the file, and that it cannot be read, comes back as issues with their places.
 */
export async function loadRouter(file: string): Promise<LoadedRouter> {
  let bytes: Buffer
  try {
    bytes = await readBounded(file)
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error
    const message = `${file} cannot be read: ${error.message}`
    const fix = 'name another file, or run "sekisho init" to write this one'
    return { ok: false, text: '', issues: [{ path: [], message, fix }] }
  }
  const migrated = migrate(bytes, file)
  if (!migrated.ok) return { ok: false, text: bytes.toString('utf8'), issues: migrated.issues }
  const { migration } = migrated
  if (migration) bytes = Buffer.from(migration.text)
  const text = bytes.toString('utf8')
  const own = await loadUserModules(bytes, file)
  const located = [...shippedModules(), ...own.modules]
  const valid = validate(
    bytes,
    file,
    located.map(({ module }) => module),
    own.issues,
  )
  if (!valid.ok) return { ok: false, text, issues: valid.issues }

  const uses = valid.modules.map(({ name, config }): ModuleUse => {
    const { module, folder } = find(located, name)
    const image = imageRef(name, folder, module.imageSources, module.imageMade)
    return { module, config, ...(image !== undefined && { image }) }
  })
  const router = normalise(valid.config)
  const compiled = compile(router, uses)
  if (!compiled.ok) return { ok: false, text, issues: [...valid.warnings, ...valid.locate(compiled.issues)] }
  const onRouter = file === PATHS.config
  const files = valid.locate([
    ...(await checkHostFiles(uses, onRouter)),
    ...(onRouter ? await checkPppoe(router) : []),
  ])
  const warnings = [...valid.warnings, ...valid.locate(compiled.warnings), ...files]
  if (files.some(({ severity }) => severity !== 'warning')) return { ok: false, text, issues: warnings }
  return {
    ok: true,
    text,
    config: valid.config,
    ...(migration && { migration }),
    router,
    desired: compiled.desired,
    checks: valid.config.checks,
    outputs: compiled.outputs,
    locate: (issues) => valid.locate(issues),
    warnings,
    ensureImages: imagesOf(located, own.modules, uses),
  }
}

/** The file's bytes, or the beginning of one that is too large in any case (a device has no end). */
async function readBounded(file: string): Promise<Buffer> {
  const handle = await open(file)
  try {
    const buffer = Buffer.alloc(MAX_BYTES + 1)
    let length = 0
    while (length < buffer.length) {
      const { bytesRead } = await handle.read(buffer, length, buffer.length - length, null)
      if (bytesRead === 0) break
      length += bytesRead
    }
    return buffer.subarray(0, length)
  } finally {
    await handle.close()
  }
}

function find(located: readonly LocatedModule[], name: string): LocatedModule {
  const found = located.find(({ module }) => module.name === name)
  if (!found) throw new Error(`module ${name} was validated and is not known`)
  return found
}

/**
 * Images come from the installed release; those of a user's own modules, and of ours that need more than Debian has, are
 * built here, and others' images are pulled.
 */
function imagesOf(
  located: readonly LocatedModule[],
  own: readonly LocatedModule[],
  uses: readonly ModuleUse[],
): typeof ensureImages {
  return async (refs, options) => {
    const missing: string[] = []
    for (const ref of await ensureImages(refs, options)) {
      const name = uses.find((candidate) => candidate.image === ref)?.module.name
      const built = located.find(
        (one) => one.module.name === name && (own.includes(one) || one.module.imageNeeds !== undefined),
      )
      if (built) await buildHere(built, ref, options)
      else if (!ref.startsWith('sekisho/')) {
        options?.onProgress?.(`pulling ${ref}`)
        await runOk([...(options?.docker ?? ['docker']), 'pull', '--quiet', ref])
      } else missing.push(ref)
    }
    return missing
  }
}

async function buildHere(
  { module, folder }: LocatedModule,
  ref: string,
  options: Parameters<typeof ensureImages>[1],
): Promise<void> {
  const { name, imageSources: sources = [], imageNeeds } = module
  try {
    await buildLocalImage(folder, ref, { ...options, sources })
  } catch (error) {
    if (imageNeeds === undefined) throw error
    const fix = `see that this router can get Debian's packages and ${imageNeeds} (HTTPS_PROXY names a proxy), or remove modules.${name}`
    throw new Error(
      `${(error as Error).message}\nThe image of ${name} needs ${imageNeeds}, so it is in no release and is built here. Fix: ${fix}`,
      { cause: error },
    )
  }
}
