import { mkdir, readFile, stat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { AgentConfig } from '../router/render/agent.ts'
import {
  type Figures,
  type FilesystemFigures,
  parseLeaseFigures,
  parseMounts,
  parseResolverFigures,
} from './figures.ts'
import { socketRequest } from './socket-request.ts'
import { writeAtomic } from './write-atomic.ts'

const TIMEOUT_MS = 2000
const MAX_BYTES = 4 * 1024 * 1024
const MAX_FILESYSTEMS = 32

/** Writes the figures of the resolver, of the lease server and of the file systems for whoever shows metrics. */
export class FiguresJob {
  readonly #config: AgentConfig
  readonly #path: string

  constructor(config: AgentConfig, path: string) {
    this.#config = config
    this.#path = path
  }

  async run(): Promise<void> {
    const { leases, resolverSocket } = this.#config
    // A server that is away is its own jobs' news: here its figures are missing, which says it too.
    const [resolver, server] = await Promise.all([
      resolverSocket &&
        ask(resolverSocket, 'UBCT1 stats_noreset\n').then(parseResolverFigures).catch(nothing),
      leases && ask(leases.socket, '{"command":"statistic-get-all"}').then(parseLeaseFigures).catch(nothing),
    ])
    const figures: Figures = {
      version: 1,
      time: new Date().toISOString(),
      filesystems: await filesystems(),
      ...(resolver && { resolver }),
      ...(server && { leases: server }),
    }
    await mkdir(dirname(this.#path), { recursive: true })
    await writeAtomic(this.#path, `${JSON.stringify(figures)}\n`)
  }
}

function ask(path: string, payload: string): Promise<string> {
  return socketRequest({ path, payload, timeoutMs: TIMEOUT_MS, maxBytes: MAX_BYTES })
}

function nothing(): undefined {
  return undefined
}

async function filesystems(): Promise<FilesystemFigures[]> {
  const mounts = parseMounts(await readFile('/proc/self/mountinfo', 'utf8')).slice(0, MAX_FILESYSTEMS)
  const found = mounts.map(async ({ name, mount }) => {
    // A single file that was mounted shows the file system that it lies in, which may be another machine's.
    if (!(await stat(mount)).isDirectory()) return undefined
    const { bsize, blocks, bfree, bavail } = await statfs(mount)
    return {
      name,
      mount,
      sizeBytes: blocks * bsize,
      usedBytes: (blocks - bfree) * bsize,
      availableBytes: bavail * bsize,
    }
  })
  const settled = await Promise.allSettled(found)
  return settled.flatMap((one) =>
    one.status === 'fulfilled' && one.value !== undefined && one.value.sizeBytes > 0 ? [one.value] : [],
  )
}
