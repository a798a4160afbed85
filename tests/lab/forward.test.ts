import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Lab, openLab } from '../../src/lab/lab.ts'
import { baseline } from './support/router-yaml.ts'

/*
 * Docker's own fluentd log driver as a sender of the Forward protocol, with the recorder there, away and back.
 */

const RECORDER = 'sekisho-recorder-1'
const OPTIONS = [
  'fluentd-address=127.0.0.1:24224',
  'tag=lab.{{.Name}}',
  'fluentd-sub-second-precision=true',
  'labels=colour',
]
const DRIVER = [
  '--log-driver',
  'fluentd',
  '--label',
  'colour=red',
  ...OPTIONS.flatMap((option) => ['--log-opt', option]),
]
type LogRecord = Readonly<Record<string, unknown>>

let lab: Lab
let image: string
const names: string[] = []

beforeAll(async () => {
  lab = await openLab()
  await baseline(lab)
  image = (await lab.router.execOk(['docker', 'inspect', '-f', '{{.Config.Image}}', RECORDER])).trim()
})

afterAll(async () => {
  await lab?.router.exec(['docker', 'start', RECORDER])
  for (const name of names) await lab?.router.exec(['docker', 'rm', '--force', name])
})

/** Runs a shell script in a container of that name, with Docker's fluentd driver. */
async function run(name: string, script: string, ...options: readonly string[]): Promise<void> {
  names.push(name)
  const argv = [
    'run',
    '--detach',
    '--name',
    name,
    ...DRIVER,
    ...options,
    '--entrypoint',
    'sh',
    image,
    '-c',
    script,
  ]
  await lab.router.execOk(['docker', ...argv])
}

async function lines(container: string): Promise<LogRecord[]> {
  const stdout = await lab.router.execOk(['sekisho', 'logs', 'container', '--since', '10m', '--json'])
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as LogRecord)
    .filter(({ containerName }) => containerName === container)
}

test("a container's lines come with its name, stream and labels", async () => {
  const name = `fluentd-${Date.now()}`
  await run(name, 'echo "to stdout"; echo "日本語 \\"quoted\\"" >&2')
  await expect.poll(async () => (await lines(name)).length, { timeout: 30_000, interval: 500 }).toBe(2)
  const found = await lines(name)
  expect(found.map(({ stream, log }) => [stream, log]).toSorted()).toEqual([
    ['stderr', '日本語 "quoted"'],
    ['stdout', 'to stdout'],
  ])
  const id = (await lab.router.execOk(['docker', 'inspect', '-f', '{{.Id}}', name])).trim()
  expect(found[0]).toMatchObject({ containerId: id.slice(0, 12) })
  expect(JSON.stringify(found[0]?.attributes)).toContain('red')
})

test('a line that Docker splits is there whole, in pieces', async () => {
  const name = `fluentd-long-${Date.now()}`
  await run(name, 'head -c 40000 /dev/zero | tr "\\0" x; echo')
  await expect.poll(async () => (await lines(name)).length, { timeout: 30_000, interval: 500 }).toBe(3)
  const found = await lines(name)
  expect(found.reduce((sum, { log }) => sum + String(log).length, 0)).toBe(40_000)
  expect(found.filter(({ partial }) => partial === true)).toHaveLength(2)
})

test('with acknowledgements no line is lost when the recorder is killed in between', async () => {
  const name = `fluentd-restart-${Date.now()}`
  const ack = ['--log-opt', 'fluentd-request-ack=true', '--log-opt', 'fluentd-async=true']
  const count = 200
  await run(name, `for i in $(seq ${count}); do echo "line $i"; sleep 0.05; done`, ...ack)
  await lab.router.execOk(['docker', 'kill', '--signal', 'KILL', RECORDER])
  await lab.router.execOk(['docker', 'start', RECORDER])
  await expect
    .poll(async () => new Set((await lines(name)).map(({ log }) => log)).size, {
      timeout: 60_000,
      interval: 1000,
    })
    .toBe(count)
})
