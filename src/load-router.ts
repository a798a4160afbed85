import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Issue } from './config/issue.ts'
import { MAX_BYTES } from './config/parse.ts'
import type { RouterConfig } from './config/schema.ts'
import { validate } from './config/validate.ts'
import { buildLocalImage, ensureImages } from './install/images.ts'
import { runOk } from './lib/run.ts'
import { MODULES } from './modules.ts'
import { checkHostFiles } from './router/check-host-files.ts'
import { compile, type ModuleUse } from './router/compile.ts'
import type { DesiredState } from './router/desired.ts'
import { imageRef, PROJECT_ROOT } from './router/image-ref.ts'
import type { Router } from './router/model.ts'
import { normalise } from './router/normalise.ts'
import { PATHS } from './router/paths.ts'
import { type LocatedModule, loadUserModules } from './user-modules.ts'

export type LoadedRouter =
  | {
      readonly ok: true
      readonly text: string
      readonly config: RouterConfig
      readonly router: Router
      readonly desired: DesiredState
      readonly warnings: readonly Issue[]
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
    const image = imageRef(name, folder, module.imageSources)
    return { module, config, ...(image !== undefined && { image }) }
  })
  const router = normalise(valid.config)
  const compiled = compile(router, uses)
  if (!compiled.ok) return { ok: false, text, issues: [...valid.warnings, ...valid.locate(compiled.issues)] }
  const files = valid.locate(await checkHostFiles(uses, file === PATHS.config))
  const warnings = [...valid.warnings, ...valid.locate(compiled.warnings), ...files]
  if (files.some(({ severity }) => severity !== 'warning')) return { ok: false, text, issues: warnings }
  return {
    ok: true,
    text,
    config: valid.config,
    router,
    desired: compiled.desired,
    warnings,
    ensureImages: imagesOf(own.modules, uses),
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

/** Images come from the installed release; a user's own module is built here, and others' images are pulled. */
function imagesOf(own: readonly LocatedModule[], uses: readonly ModuleUse[]): typeof ensureImages {
  return async (refs, options) => {
    const missing: string[] = []
    for (const ref of await ensureImages(refs, options)) {
      const use = uses.find((candidate) => candidate.image === ref)
      const mine = own.find(({ module }) => module.name === use?.module.name)
      if (mine) {
        const sources = mine.module.imageSources ?? []
        await buildLocalImage(mine.folder, ref, { ...options, sources })
      } else if (!ref.startsWith('sekisho/')) {
        options?.onProgress?.(`pulling ${ref}`)
        await runOk([...(options?.docker ?? ['docker']), 'pull', '--quiet', ref])
      } else missing.push(ref)
    }
    return missing
  }
}
