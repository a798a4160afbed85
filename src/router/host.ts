import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  access,
  chmod,
  chown,
  constants as fsConstants,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  rmdir,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { syncPath } from '../lib/sync-path.ts'

export interface ExecOptions {
  /** Milliseconds; a command that takes longer is killed and its code is 124. Default 60 000. */
  readonly timeoutMs?: number
  readonly input?: string
}

export interface ExecResult {
  /** 127 when the program does not exist, 124 after a timeout, 128+N after signal N. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export type Exec = (argv: readonly string[], options?: ExecOptions) => Promise<ExecResult>

/** What lies at a path, symlinks not followed. */
export type Stat =
  | { readonly kind: 'link'; readonly target: string }
  | {
      readonly kind: 'file' | 'directory' | 'other'
      readonly mode: number
      readonly uid: number
      readonly gid: number
    }

/** Everything that observe and apply may do to the machine. All paths are absolute. */
export interface Host {
  /** Whether everything can be seen: false for a user who is not root. */
  readonly privileged: boolean
  stat(path: string): Promise<Stat | undefined>
  /** Text of a file; undefined when it does not exist. */
  read(path: string): Promise<string | undefined>
  /** Names in a directory, sorted; empty when it does not exist. */
  list(path: string): Promise<string[]>
  /** Replaces a file atomically and durably: a crash leaves the old text or the new. */
  write(path: string, text: string, mode: number): Promise<void>
  writable(path: string): Promise<boolean>
  /** Writes into an existing file of the kernel's, under /proc. */
  poke(path: string, text: string): Promise<void>
  /** Replaces what is at `path` (not a directory) by a symlink, atomically. */
  symlink(target: string, path: string): Promise<void>
  hardlink(existing: string, path: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  /** Removes a file or symlink; false when there was none. */
  remove(path: string): Promise<boolean>
  removeTree(path: string): Promise<void>
  /** Removes a directory if it is empty; false otherwise. */
  removeEmpty(path: string): Promise<boolean>
  makeDirectory(path: string, mode?: number): Promise<void>
  own(path: string, owner: { uid: number; gid: number; mode: number }): Promise<void>
  /** Flushes a directory's entries to the disk. */
  sync(path: string): Promise<void>
  /** Runs a program by its argument vector, never a shell. It never throws for what the program does. */
  exec: Exec
  /** Takes flock(2) on `path`; undefined when another process holds it after `waitSecs`. */
  lock(path: string, waitSecs: number): Promise<(() => Promise<void>) | undefined>
}

export interface HostOptions {
  /** Every path is below this directory: for tests. */
  readonly root?: string
  readonly exec?: Exec
  /** Whether writes are flushed to the disk; tests need not survive a power cut. */
  readonly durable?: boolean
}

/** The real machine, or a directory that plays one. */
export function createHost({ root = '', exec = execFile, durable = true }: HostOptions = {}): Host {
  const at = (path: string) => {
    if (!path.startsWith('/')) throw new Error(`${JSON.stringify(path)} is not an absolute path`)
    return root + path
  }
  let serial = 0
  const temporary = (path: string) => join(dirname(path), `.sekisho-${process.pid}-${serial++}`)

  async function sync(path: string): Promise<void> {
    if (durable) await syncPath(path)
  }

  return {
    privileged: process.getuid?.() === 0 || root !== '',
    async stat(path) {
      const found = await lstat(at(path)).catch(absent)
      if (found === undefined) return undefined
      if (found.isSymbolicLink()) return { kind: 'link', target: await readlink(at(path)) }
      const kind = found.isFile() ? 'file' : found.isDirectory() ? 'directory' : 'other'
      return { kind, mode: found.mode & 0o7777, uid: found.uid, gid: found.gid }
    },
    read: (path) => readFile(at(path), 'utf8').catch(absent),
    list: async (path) => ((await readdir(at(path)).catch(absent)) ?? []).sort(),
    async write(path, text, mode) {
      const target = at(path)
      await mkdir(dirname(target), { recursive: true })
      const temp = temporary(target)
      try {
        const handle = await open(temp, 'wx', mode)
        try {
          await handle.writeFile(text)
          await handle.chmod(mode)
          if (durable) await handle.sync()
        } finally {
          await handle.close()
        }
        await rename(temp, target)
      } catch (error) {
        await rm(temp, { force: true })
        throw error
      }
      await sync(dirname(target))
    },
    writable: (path) =>
      access(at(path), fsConstants.W_OK).then(
        () => true,
        () => false,
      ),
    poke: (path, text) => writeFile(at(path), text, { flag: fsConstants.O_WRONLY | fsConstants.O_TRUNC }),
    async symlink(target, path) {
      await mkdir(dirname(at(path)), { recursive: true })
      const temp = temporary(at(path))
      await symlink(target, temp)
      try {
        await rename(temp, at(path))
      } catch (error) {
        await rm(temp, { force: true })
        throw error
      }
      await sync(dirname(at(path)))
    },
    async hardlink(existing, path) {
      await mkdir(dirname(at(path)), { recursive: true })
      await link(at(existing), at(path))
    },
    async rename(from, to) {
      await mkdir(dirname(at(to)), { recursive: true })
      await rename(at(from), at(to))
      await sync(dirname(at(to)))
    },
    remove: (path) =>
      unlink(at(path)).then(
        () => true,
        (error: unknown) => absent(error) ?? false,
      ),
    removeTree: (path) => rm(at(path), { recursive: true, force: true }),
    removeEmpty: (path) =>
      rmdir(at(path)).then(
        () => true,
        (error: unknown) => {
          if (hasCode(error, 'ENOENT', 'ENOTEMPTY', 'EEXIST', 'ENOTDIR', 'EBUSY')) return false
          throw error
        },
      ),
    async makeDirectory(path, mode) {
      await mkdir(at(path), { recursive: true })
      if (mode !== undefined) await chmod(at(path), mode)
    },
    async own(path, { uid, gid, mode }) {
      await chown(at(path), uid, gid)
      await chmod(at(path), mode)
    },
    sync: (path) => sync(at(path)),
    exec,
    lock: (path, waitSecs) => takeLock(at(path), waitSecs),
  }
}

/** Removes the empty directories above `path`, up to and without `until`. */
export async function removeEmptyParents(host: Host, path: string, until: string): Promise<void> {
  const parent = (of: string) => of.slice(0, of.lastIndexOf('/'))
  for (let at = parent(path); at.startsWith(`${until}/`); at = parent(at))
    if (!(await host.removeEmpty(at)) && (await host.stat(at))) return
}

/** SHA-256 of a text, in hex. */
export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function absent(error: unknown): undefined {
  if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined
  throw error
}

/** Whether an error of node:fs has one of these codes. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}

function execFile(argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
  const [file = '', ...args] = argv
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      env: { ...process.env, LC_ALL: 'C.UTF-8', SYSTEMD_PAGER: '', SYSTEMD_COLORS: '0' },
    })
    let timedOut = false
    let stdout = ''
    let stderr = ''
    const timer = setTimeout(() => {
      timedOut = true
      child.kill('SIGKILL')
      // A grandchild may hold the pipes open: it is not waited for.
      child.stdout?.destroy()
      child.stderr?.destroy()
    }, options.timeoutMs ?? 60_000)
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.stdin?.on('error', () => {})
    child.stdin?.end(options.input)
    child.on('error', (error) => {
      clearTimeout(timer)
      resolve({ code: 127, stdout, stderr: error.message })
    })
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      const killed = signal === null ? 1 : 128 + (constants.signals[signal] ?? 0)
      resolve({ code: timedOut ? 124 : (code ?? killed), stdout, stderr })
    })
  })
}

/**
 * The lock is held by a child that ends when our end of its pipe closes: the kernel lets go of it however we die,
 * so it is never stale.
 */
async function takeLock(path: string, waitSecs: number): Promise<(() => Promise<void>) | undefined> {
  await mkdir(dirname(path), { recursive: true })
  const holder = spawn(
    'flock',
    ['--exclusive', '--timeout', String(waitSecs), path, 'sh', '-c', 'echo locked; exec cat >/dev/null'],
    { stdio: ['pipe', 'pipe', 'ignore'], detached: true },
  )
  holder.stdin.on('error', () => {})
  const exited = new Promise<void>((resolve) => holder.once('close', () => resolve()))
  const taken = await new Promise<boolean>((resolve, reject) => {
    holder.stdout.once('data', () => resolve(true))
    holder.once('error', reject)
    holder.once('close', () => resolve(false))
  })
  if (!taken) return undefined
  return async () => {
    holder.stdin.end()
    await exited
  }
}
