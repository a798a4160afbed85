import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { run, runOk } from './run.ts'

it('collects output and the exit code', async () => {
  const result = await run(['sh', '-c', 'cat; echo aside >&2; exit 3'], { input: 'words' })
  expect(result).toEqual({ code: 3, stdout: 'words', stderr: 'aside\n' })
})

it('passes arguments on as they are', async () => {
  expect(await runOk(['printf', '%s|', '$(id)', 'a b', ''])).toBe('$(id)|a b||')
})

it('calls onLine for every line, the last one without its end too', async () => {
  const lines: string[] = []
  await run(['printf', 'one\ntwo'], { onLine: (line) => lines.push(line) })
  expect(lines).toEqual(['one', 'two'])
})

it('says what failed and how', async () => {
  await expect(runOk(['sh', '-c', 'echo no disk >&2; exit 2'])).rejects.toThrow(/code 2: no disk/)
  await expect(run(['/nonexistent/program'])).rejects.toThrow('ENOENT')
})

it('kills descendants as well when the time is up', async () => {
  const result = await run(['sh', '-c', 'sleep 60 & echo $!; wait'], { timeout: 200 })
  expect(result.code).toBe(124)
  const pid = result.stdout.trim()
  expect(pid).toMatch(/^\d+$/)
  await expect.poll(() => stateOf(pid)).toMatch(/^(gone|Z)$/)
})

function stateOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) (.).*$/s, '$1')
  } catch {
    return 'gone'
  }
}
