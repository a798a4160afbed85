import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { run } from '../lib/run.ts'

const MAIN = join(import.meta.dirname, 'main.ts')

it('every command that a file here exports is in the help', async () => {
  const commands = readdirSync(import.meta.dirname)
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .flatMap((file) => {
      const source = readFileSync(join(import.meta.dirname, file), 'utf8')
      return [...source.matchAll(/^export function ([a-z]+)Command\(/gm)].map((match) => match[1])
    })
  const help = await run([process.execPath, MAIN, '--help'])
  const shown = [...help.stdout.matchAll(/^ {2}([a-z]+)(?= )/gm)].map((match) => match[1])
  expect(shown.filter((name) => name !== 'help').sort()).toEqual(commands.sort())
})

it("every command of the README's table is one", async () => {
  const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8')
  const named = [...readme.matchAll(/^\| (`.+?`(?:, `.+?`)*) \|/gm)].flatMap((row) =>
    (row[1] ?? '').split('`, `').map((cell) => /[a-z]+/.exec(cell)?.[0]),
  )
  const help = await run([process.execPath, MAIN, '--help'])
  expect(named.length).toBeGreaterThan(8)
  for (const name of named.filter(
    (word) => !['vm', 'down', 'status', 'traffic', 'exec'].includes(word ?? ''),
  ))
    expect(help.stdout).toMatch(new RegExp(`^ {2}${name} `, 'm'))
})
