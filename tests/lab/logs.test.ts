import { beforeAll, expect, test } from 'vitest'
import { type Lab, openLab } from '../../src/lab/lab.ts'
import { baseline } from './support/router-yaml.ts'

/* What was recorded answers on the router, as a person asks there. */

let lab: Lab

beforeAll(async () => {
  lab = await openLab()
  await baseline(lab)
})

async function answer(...args: string[]): Promise<Record<string, unknown>[]> {
  const stdout = await lab.router.execOk(['sekisho', ...args, '--json'])
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

test('logs: containers and syslog, for people and for programs', async () => {
  const text = `logs ${Math.random()}`
  await lab.router.execOk(['logger', '-t', 'labtest', `\u001b[31m${text}`])
  await lab.router.execOk(['docker', 'restart', 'sekisho-unbound-1'])
  await expect
    .poll(() => answer('logs', 'syslog', '--since', '5m', '--grep', text), { timeout: 30_000, interval: 500 })
    .toHaveLength(1)
  await expect
    .poll(() => answer('logs', 'container', '--since', '5m', '--name', 'unbound'), {
      timeout: 30_000,
      interval: 500,
    })
    .not.toEqual([])
  const people = await lab.router.execOk(['sekisho', 'logs', 'syslog', '--since', '5m', '--grep', text])
  const [heading, line] = people.split('\n')
  expect(heading).toMatch(/^time +severity +host +program +message$/)
  expect(line).toMatch(/^\d{4}-\d{2}-\d{2} [\d:.]{12} +notice +\S+ +labtest /)
  // rsyslog and the log both may escape it: no escape gets out.
  expect(people).not.toContain('\u001b')
})

test('logs without a kind tells what there is', async () => {
  expect(await lab.router.execOk(['sekisho', 'logs'])).toMatch(
    /^container +[1-9]\d* {2}A line that a container wrote$/m,
  )
})

test('query: a SELECT over all of it, and nothing but a SELECT', async () => {
  const rows = await answer('query', 'SELECT kind, count(*) AS n FROM records GROUP BY kind')
  expect(rows.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['container', 'syslog']))
  for (const { n } of rows) expect(n).toBeGreaterThan(0)
  const refused = await lab.router.exec(['sekisho', 'query', "SELECT * FROM read_text('/etc/shadow')"])
  expect(refused).toMatchObject({ code: 1, stdout: '' })
})

test('it answers while the recorder is stopped', async () => {
  await lab.router.execOk(['docker', 'stop', 'sekisho-recorder-1'])
  try {
    expect(await answer('logs', 'syslog', '--limit', '3')).toHaveLength(3)
  } finally {
    await lab.router.execOk(['docker', 'start', 'sekisho-recorder-1'])
  }
})
