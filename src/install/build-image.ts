import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { runOk } from '../lib/run.ts'
import { type ImageContext, PROJECT_ROOT } from '../router/image-ref.ts'

export interface BuildOptions {
  /** What RUN lines may reach: the machine's own network, or nothing. */
  readonly network: 'host' | 'none'
  readonly labels?: Readonly<Record<string, string>>
  /** How folders that the context has made are made: each returns where it is. */
  readonly makers?: Readonly<Record<string, () => Promise<string>>>
  /** Called with every line the build says. */
  readonly onLine?: (line: string) => void
}

/** Sends a module's build context to a Docker Engine and tags the image with the context's own reference. */
export async function buildImage(
  docker: readonly string[],
  context: ImageContext,
  options: BuildOptions,
): Promise<void> {
  await withContextFolder(context, options.makers ?? {}, (folder) =>
    dockerBuild(docker, folder, [context.ref], options),
  )
}

/** `docker build` of a folder with a Dockerfile. Throws with the end of what the build said. */
export async function dockerBuild(
  docker: readonly string[],
  folder: string,
  tags: readonly string[],
  { network, labels = {}, onLine }: BuildOptions,
): Promise<void> {
  await runOk(
    [
      ...docker,
      'build',
      `--network=${network}`,
      // Every parent is local: asking a registry for it could only hang.
      '--pull=false',
      '--force-rm',
      // Docker's predefined arguments, taken from the environment: RUN lines see them, no image keeps them.
      ...['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'].flatMap((name) =>
        network === 'host' && process.env[name] ? ['--build-arg', name] : [],
      ),
      ...Object.entries(labels).flatMap(([key, value]) => ['--label', `${key}=${value}`]),
      ...tags.flatMap((tag) => ['--tag', tag]),
      folder,
    ],
    { env: { DOCKER_BUILDKIT: '0' }, ...(onLine === undefined ? {} : { onLine }) },
  )
}

async function withContextFolder(
  context: ImageContext,
  makers: NonNullable<BuildOptions['makers']>,
  work: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'sekisho-context-'))
  try {
    for (const { path, kind, content } of context.entries) {
      const target = join(folder, path)
      await mkdir(dirname(target), { recursive: true })
      if (kind === 'link') await symlink(content, target)
      else await writeFile(target, content, { mode: kind === 'executable' ? 0o755 : 0o644 })
    }
    for (const { path, optional } of context.packages) {
      const source = join(PROJECT_ROOT, path)
      try {
        await cp(source, join(folder, path), { recursive: true })
      } catch (error) {
        // Binaries for another architecture are in the lockfile and not on the disk.
        if (!optional || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      }
    }
    for (const { path } of context.made) {
      const maker = makers[path]
      if (maker === undefined) throw new Error(`nothing here knows how ${path} of ${context.ref} is made`)
      await cp(await maker(), join(folder, path), { recursive: true })
    }
    await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
