import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { down } from '../../../src/lab/down.ts'
import { type Lab, openLab } from '../../../src/lab/lab.ts'
import { labPlaces } from '../../../src/lab/places.ts'
import { isAlive } from '../../../src/lab/process-id.ts'
import { up } from '../../../src/lab/up.ts'
import { hold, labChecks } from '../../../src/lab/verify.ts'
import { run } from '../../../src/lib/run.ts'
import { labProcesses, labTraces, machineTraces } from '../support/lab-traces.ts'

/* The lab is a guest on the machine it runs on: it leaves nothing, however it ends, and is no other lab's business. */

const places = labPlaces(`${labPlaces().id}-two`)
const CLI = join(places.checkout, 'sekisho')

/** `./sekisho lab …` for the second lab. */
const second = (...argv: string[]) =>
  run([CLI, 'lab', ...argv], { env: { SEKISHO_LAB: places.id }, timeout: 100_000 })
/** `./sekisho lab exec …` for the lab of all tests. */
const exec = (argv: readonly string[], input?: string | Uint8Array) =>
  run([CLI, 'lab', 'exec', ...argv], { timeout: 30_000, ...(input !== undefined && { input }) })

let lab: Lab
beforeAll(async () => {
  lab = await openLab()
})
afterAll(() => down(places))

describe('lab down leaves nothing', () => {
  afterEach(() => down(places))

  test('after lab up, and says when there was nothing', async () => {
    const before = await machineTraces()
    expect(labTraces(places)).toEqual([])
    const said = await second('up', '--bare')
    expect(said).toMatchObject({ code: 0 })
    expect(said.stdout).toContain('router machine booted: running')
    const processes = labProcesses(places)
    // systemd, Docker, the provider's services, the clients.
    expect(processes.length).toBeGreaterThan(30)
    expect(labTraces(places)).toEqual(expect.arrayContaining([places.run, places.disk]))
    // Even while it is up, all of it is in namespaces of its own.
    expect(await machineTraces()).toEqual(before)

    expect(await second('down')).toMatchObject({ code: 0, stdout: `lab ${places.id} is gone\n` })
    expect(labTraces(places)).toEqual([])
    expect(processes.filter(isAlive)).toEqual([])
    expect(await machineTraces()).toEqual(before)
    expect(await second('down')).toMatchObject({ code: 0, stdout: `lab ${places.id} is not up\n` })
  })

  test.each([
    ['as it begins', () => existsSync(places.disk)],
    ['while hosts start', 'namespaces and cables'],
    ['while the router boots', 'provider, attacker and clients run'],
  ] as const)('after kill -9 of lab up %s', async (_, when) => {
    const before = await machineTraces()
    const child = spawn(CLI, ['lab', 'up', '--bare'], {
      env: { ...process.env, SEKISHO_LAB: places.id },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await (typeof when === 'string' ? untilSaid(child, when) : until(when))
    const processes = labProcesses(places)
    child.kill('SIGKILL')
    // The processes end by themselves: nobody may ever come to clean up.
    await expect
      .poll(() => [...labProcesses(places), ...processes.filter(isAlive)], { timeout: 10_000 })
      .toEqual([])
    expect(await machineTraces()).toEqual(before)
    expect(labTraces(places)).not.toEqual([])

    expect(await second('down')).toMatchObject({ code: 0, stdout: `lab ${places.id} is gone\n` })
    expect(labTraces(places)).toEqual([])
  })
})

describe('two labs at once', () => {
  test('neither sees the other, and the end of one is nothing to the other', async () => {
    const containers = () => lab.router.execOk(['docker', 'ps', '--quiet', '--no-trunc'])
    const before = await containers()
    const other = await up({ places, bare: true, onProgress: () => {} })
    try {
      for (const [here, word] of [
        [lab, 'one'],
        [other, 'two'],
      ] as const) {
        for (const host of [here.router, here.laptop, here.isp]) await host.writeFile('/root/whose', word)
      }
      for (const name of ['router', 'laptop', 'isp'] as const) {
        expect(await lab.host(name).execOk(['cat', '/root/whose'])).toBe('one')
        expect(await other.host(name).execOk(['cat', '/root/whose'])).toBe('two')
      }
      // The same address on both: a page on one is no page on the other, whose router routes nothing.
      const page = ['curl', '-sSf', '--max-time', '2', 'http://203.0.113.80/']
      expect((await lab.laptop.exec(page)).code).toBe(0)
      expect((await other.laptop.exec(page)).code).not.toBe(0)
      expect((await other.isp.exec(page)).code).toBe(0)
    } finally {
      await down(places)
    }
    expect(labTraces(places)).toEqual([])
    expect([lab.state.root, lab.state.parent].every(isAlive)).toBe(true)
    expect(await containers()).toBe(before)
    expect(await lab.isp.failedServices()).toEqual([])
    for (const check of labChecks(lab)) await hold({ ...check, patience: 0 })
    for (const host of [lab.router, lab.laptop, lab.isp]) await host.execOk(['rm', '/root/whose'])
  })
})

describe('lab exec', () => {
  test('passes bytes in and out, and the exit code', async () => {
    const script = 'cat; echo to stderr >&2; exit 7'
    const seen = await exec(['laptop', '--', 'sh', '-c', script], 'äöü\0\n\nno end')
    expect(seen).toEqual({ code: 7, stdout: 'äöü\0\n\nno end', stderr: 'to stderr\n' })
  })

  test('passes arguments as they are, options and blanks too', async () => {
    const words = ['--help', '-x', '', 'a  b', '$HOME', '*', "it's"]
    const seen = await exec(['router', '--', 'printf', '<%s>', ...words])
    expect(seen).toMatchObject({ code: 0, stdout: words.map((word) => `<${word}>`).join('') })
  })

  test('a program that is not there is 127', async () => {
    expect(await exec(['phone', '--', 'no-such-program'])).toMatchObject({ code: 127 })
  })

  test('refuses a host that is not there, and names those that are', async () => {
    const { code, stdout, stderr } = await exec(['fridge', '--', 'true'])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/fridge.*router, isp, attacker, laptop, phone, guest1/)
  })

  test('says how to start a lab that is not up', async () => {
    expect(await second('exec', 'laptop', '--', 'true')).toMatchObject({
      code: 1,
      stderr: `sekisho: lab ${places.id} is not up. Fix: ./sekisho lab up\n`,
    })
  })

  test('killed with -9, it takes the command with it', async () => {
    const child = spawn(CLI, ['lab', 'exec', 'guest1', '--', 'sh', '-c', 'echo on; exec sleep 4242'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await untilSaid(child, 'on')
    const running = () => lab.guest1.exec(['pgrep', '-f', '^sleep 4242'])
    expect((await running()).code).toBe(0)
    child.kill('SIGKILL')
    await expect.poll(async () => (await running()).code, { timeout: 5000 }).toBe(1)
  })
})

/** Resolves when a program has printed these words; rejects when it ends without. */
function untilSaid(child: ChildProcess, words: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = ''
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      said += text
      if (said.includes(words)) resolve()
    })
    child.on('close', () => reject(new Error(`it ended before it said "${words}": ${said}`)))
  })
}

async function until(condition: () => boolean): Promise<void> {
  for (const end = Date.now() + 30_000; !condition(); ) {
    if (Date.now() > end) throw new Error('waited 30 s in vain')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
