import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Answers } from './answers.ts'
import { askAgent } from './client.ts'
import type { AgentRequest, Answer } from './request.ts'
import { RequestServer, type ServerOptions } from './server.ts'

let folder: string
let path: string
let server: RequestServer | undefined
const said: string[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sekisho-requests-'))
  path = join(folder, 'agent.sock')
  said.length = 0
})
afterEach(async () => {
  await server?.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function serve(
  answer: (request: AgentRequest) => Promise<unknown>,
  options: Partial<ServerOptions> = {},
): Promise<void> {
  server = await RequestServer.start({ listen: { path }, answer, log: (line) => said.push(line), ...options })
}

/** A client that says these bytes, and hears what is answered until the server or it has enough. */
function talk(bytes: string | Buffer, lines: number): Promise<Answer[]> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(path)
    let text = ''
    const answers = (): Answer[] =>
      text
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Answer)
    socket.on('error', reject)
    socket.on('data', (chunk) => {
      text += chunk.toString()
      if (answers().length >= lines) socket.end()
    })
    socket.on('close', () => resolve(answers()))
    socket.write(bytes)
  })
}

const asked = (id: string, ask = 'status'): string => `${JSON.stringify({ id, ask })}\n`

describe('the socket', () => {
  it('answers lines in their order, however they are cut', async () => {
    await serve(async (request) => request)
    const bytes = Buffer.from(`${asked('a')}${asked('b', 'plan')}nonsense\n${asked('é')}`)
    for (const cut of [1, 20, bytes.length - 3]) {
      const socket = connect(path)
      socket.write(bytes.subarray(0, cut))
      await new Promise((resolve) => setTimeout(resolve, 5))
      socket.write(bytes.subarray(cut))
      socket.end()
      let text = ''
      for await (const chunk of socket) text += chunk
      expect(
        text
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line)),
      ).toEqual([
        { id: 'a', ok: true, value: { ask: 'status' } },
        { id: 'b', ok: true, value: { ask: 'plan' } },
        { id: null, ok: false, problem: 'the request is not JSON' },
        { id: 'é', ok: true, value: { ask: 'status' } },
      ])
    }
  })

  it('refuses a line that does not end, and one that is too long', async () => {
    await serve(async () => 1)
    const long = 'x'.repeat(70_000)
    for (const bytes of [long, `${long}\n`, asked(long)]) {
      const [answer, ...more] = await talk(bytes, 2)
      expect(answer).toMatchObject({ id: null, ok: false, problem: 'a line is longer than 65536 bytes' })
      expect(more).toEqual([])
    }
  })

  it('turns away more clients than it has room for, and one that says nothing', async () => {
    await serve(async () => 1, { maxClients: 2, silenceMs: 300 })
    const silent = [connect(path), connect(path)]
    const ended = silent.map((socket) => new Promise((resolve) => socket.on('close', resolve)))
    await Promise.all(silent.map((socket) => new Promise((resolve) => socket.on('connect', resolve))))
    await expect(askAgent(path, { ask: 'status' })).rejects.toThrow('the host cannot be asked')
    await Promise.all(ended)
    expect(await askAgent(path, { ask: 'status' })).toBe(1)
  })

  it('tells the client of its own failure no more than that it failed', async () => {
    await serve(() => Promise.reject(new Error('/etc/secret')))
    const refusal = askAgent(path, { ask: 'status' })
    await expect(refusal).rejects.toThrow('the host failed at it')
    await expect(refusal).rejects.not.toThrow('secret')
    expect(said.join()).toContain('/etc/secret')
  })

  it('goes on when a client leaves before its answer', async () => {
    let release: (value: unknown) => void = () => undefined
    await serve((request) =>
      'ask' in request && request.ask === 'plan'
        ? new Promise((resolve) => {
            release = resolve
          })
        : Promise.resolve('well'),
    )
    const socket = connect(path)
    socket.write(asked('1', 'plan'))
    await new Promise((resolve) => setTimeout(resolve, 20))
    socket.destroy()
    await new Promise((resolve) => setTimeout(resolve, 20))
    release('x'.repeat(1_000_000))
    expect(await askAgent(path, { ask: 'status' })).toBe('well')
  })
})

it('says who is paused in the generation in use', async () => {
  const answers = new Answers({ current: folder, keepMs: 0 })
  await serve((request) => answers.answer(request))
  expect(await askAgent(path, { ask: 'paused' })).toEqual([])
  const deny = (mac: string, why: string) => `    - { from: home, to: wan, source: "${mac}", why: ${why} }\n`
  const [tv, own] = ['02:00:5e:10:00:0A', '02:00:5e:10:00:02']
  const text = `firewall:\n  deny:\n${deny(tv, 'paused until sekisho resume')}${deny(own, 'mine')}`
  writeFileSync(join(folder, 'router.yaml'), text)
  expect(await askAgent(path, { ask: 'paused' })).toEqual(['02:00:5e:10:00:0a'])
})

describe('what the command line says', () => {
  /** A command line that notes how it is called, and answers with `program`. */
  function fake(program: string): readonly string[] {
    const file = join(folder, 'sekisho.mjs')
    const note = `import { appendFileSync } from 'node:fs'
const args = process.argv.slice(2)
const note = (line) => appendFileSync(${JSON.stringify(join(folder, 'calls'))}, line + '\\n')
note(JSON.stringify(args))
`
    writeFileSync(file, note + program)
    return [process.execPath, file]
  }
  async function calls(): Promise<unknown[]> {
    const { readFile } = await import('node:fs/promises')
    const text = await readFile(join(folder, 'calls'), 'utf8')
    return text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
  }

  it('is asked once for all who ask at once, and afresh after an action', async () => {
    const answers = new Answers({
      sekisho: fake(`
if (args[0] === 'pause') console.log(JSON.stringify({ ok: true, generation: 7, summary: 'tv is paused' }))
else console.log(JSON.stringify({ by: process.env.SEKISHO_AUTHOR ?? null }))
`),
      keepMs: 60_000,
    })
    await serve((request) => answers.answer(request))
    const ask = () => askAgent(path, { ask: 'leases' })
    expect(await Promise.all([ask(), ask(), ask()])).toEqual([{ by: null }, { by: null }, { by: null }])
    await ask()
    expect(await calls()).toEqual([['leases', '--json']])
    const paused = await askAgent(path, { action: 'pause', macAddress: '02:00:5e:10:00:01' })
    expect(paused).toEqual({ ok: true, generation: 7, summary: 'tv is paused' })
    await ask()
    expect(await calls()).toEqual([
      ['leases', '--json'],
      ['pause', '--json', '02:00:5e:10:00:01'],
      ['leases', '--json'],
    ])
  })

  it('is one child at a time', async () => {
    const answers = new Answers({
      sekisho: fake(`
note('"begins"'); setTimeout(() => { note('"ends"'); console.log('{}') }, 50)
`),
    })
    await serve((request) => answers.answer(request))
    await Promise.all((['status', 'leases', 'cost'] as const).map((ask) => askAgent(path, { ask })))
    const marks = (await calls()).filter((one) => typeof one === 'string')
    expect(marks).toEqual(['begins', 'ends', 'begins', 'ends', 'begins', 'ends'])
  })

  it('comes as text with whether there is a change, or as what is wrong with what to do', async () => {
    const answers = new Answers({
      sekisho: fake(`
if (args[0] === 'diff') { console.log('+ a rule'); process.exitCode = 2 }
else if (args[0] === 'plan') { console.error('router.yaml:3:1 wan: missing. Fix: write it'); process.exitCode = 1 }
else if (args[0] === 'cost') { console.log('{"ok":false,"issues":[{"path":"wan","message":"none","fix":"add it"}]}'); process.exitCode = 1 }
else if (args[0] === 'status') { console.log('{"ok":false}'); process.exitCode = 3 }
else { console.log('Traceback, no JSON'); process.exitCode = 70 }
`),
    })
    await serve((request) => answers.answer(request))
    expect(await askAgent(path, { ask: 'diff', a: 1, b: 2 })).toEqual({ text: '+ a rule\n', changes: true })
    expect(await askAgent(path, { ask: 'status' })).toEqual({ ok: false })
    await expect(askAgent(path, { ask: 'plan' })).rejects.toMatchObject({
      message: 'router.yaml:3:1 wan: missing',
      fix: 'write it',
    })
    await expect(askAgent(path, { ask: 'cost' })).rejects.toMatchObject({
      message: 'wan: none',
      fix: 'add it',
    })
    expect(await askAgent(path, { action: 'rename', macAddress: '02:00:5e:10:00:01', name: 'tv' })).toEqual({
      ok: false,
      problem: 'exit code 70',
    })
    expect(await calls()).toContainEqual(['rename', '--json', '02:00:5e:10:00:01', 'tv'])
  })
})
