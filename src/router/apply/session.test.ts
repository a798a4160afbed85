import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { FakeMachine } from '../../../tests/fake-machine.ts'
import { sameSession, sessionOf } from './session.ts'

const roots: string[] = []
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true, force: true })
})

interface Process {
  readonly pid: number
  readonly parent: number
  /** Its session's leader, and whether that has a terminal. */
  readonly leader?: number
  readonly terminal?: boolean
  readonly ssh?: string
  readonly audit?: number
}

function machine(processes: readonly Process[]) {
  const root = mkdtempSync(join(tmpdir(), 'sekisho-session-'))
  roots.push(root)
  const files: Record<string, string> = {}
  for (const { pid, parent, leader = pid, terminal = false, ssh, audit = 4_294_967_295 } of processes) {
    const start = pid * 100
    // The name of a command may hold anything.
    files[`/proc/${pid}/stat`] =
      `${pid} (a) 1 (b c) S ${parent} ${pid} ${leader} ${terminal ? 34816 : 0} -1 0 1 2 3 4 5 6 7 8 20 0 1 0 ${start} 1 2\n`
    files[`/proc/${pid}/environ`] = `HOME=/root\0${ssh === undefined ? '' : `SSH_CONNECTION=${ssh}\0`}`
    files[`/proc/${pid}/sessionid`] = `${audit}`
  }
  return new FakeMachine(root, { files }).host
}

const SSH = '10.0.0.129 50000 10.0.0.1 22'

/** sshd 100 listens; 200 and 300 are two connections of one user, with sudo in terminals of its own. */
const HOST: readonly Process[] = [
  { pid: 1, parent: 0 },
  { pid: 100, parent: 1 },
  { pid: 200, parent: 100 },
  { pid: 201, parent: 200, leader: 201, terminal: true, ssh: SSH },
  { pid: 202, parent: 201, leader: 201, terminal: true, ssh: SSH },
  { pid: 203, parent: 202, leader: 203, terminal: true },
  { pid: 204, parent: 201, leader: 204, terminal: true },
  { pid: 300, parent: 100 },
  { pid: 301, parent: 300, leader: 301, terminal: true, ssh: '10.0.0.129 50002 10.0.0.1 22' },
  // Without a terminal: ssh router sekisho apply.
  { pid: 400, parent: 100 },
  { pid: 401, parent: 400, ssh: SSH },
  { pid: 402, parent: 400, ssh: SSH },
  { pid: 500, parent: 1 },
]

describe('who sits at the keyboard', () => {
  const same = async (a: number, b: number, processes = HOST) => {
    const host = machine(processes)
    return sameSession(await sessionOf(host, a), await sessionOf(host, b))
  }

  it('is the same through sudo, in one connection', async () => {
    expect(await same(203, 204)).toBe(true)
    expect(await same(203, 201)).toBe(true)
    expect(await same(401, 402)).toBe(true)
  })

  it('is another in another connection, whatever its environment says', async () => {
    expect(await same(203, 301)).toBe(false)
    expect(await same(203, 401)).toBe(false)
    const forged = HOST.map((process) => (process.pid === 301 ? { ...process, ssh: SSH } : process))
    expect(await same(203, 301, forged)).toBe(false)
  })

  it('is nobody in particular without a terminal, a connection or a login', async () => {
    expect(await sessionOf(machine(HOST), 500)).toEqual({ anchors: [] })
    expect(await same(500, 500)).toBe(false)
    expect(await sessionOf(machine(HOST), 999)).toEqual({ anchors: [] })
  })

  it('is whom the audit session says, where the kernel keeps one', async () => {
    const audited = HOST.map((process) => ({ ...process, audit: process.pid === 301 ? 8 : 7 }))
    expect(await same(203, 500, audited)).toBe(true)
    expect(await same(203, 301, audited)).toBe(false)
  })

  it('is not another process that has come to have the number', async () => {
    const host = machine(HOST)
    const { anchors } = await sessionOf(host, 203)
    expect(anchors).toEqual(['201 20100', '200 20000'])
    expect(sameSession({ anchors }, { anchors: ['201 20101'] })).toBe(false)
  })
})
