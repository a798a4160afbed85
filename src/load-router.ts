import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Issue } from './config/issue.ts'
import { validate } from './config/validate.ts'
import { buildLocalImage, ensureImages } from './install/images.ts'
import { runOk } from './lib/run.ts'
import { MODULES } from './modules.ts'
import { compile, type ModuleUse } from './router/compile.ts'
import type { DesiredState } from './router/desired.ts'
import { imageRef, PROJECT_ROOT } from './router/image-ref.ts'
import type { Router } from './router/model.ts'
import { normalise } from './router/normalise.ts'
import { type LocatedModule, loadUserModules } from './user-modules.ts'

export type LoadedRouter =
  | {
      readonly ok: true
      readonly text: string
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
 * wrong with the file comes back as issues with their places; throws only when the file cannot be read.
 */
export async function loadRouter(file: string): Promise<LoadedRouter> {
  const bytes = await readFile(file)
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
  return {
    ok: true,
    text,
    router,
    desired: compiled.desired,
    warnings: [...valid.warnings, ...valid.locate(compiled.warnings)],
    ensureImages: imagesOf(own.modules, uses),
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
