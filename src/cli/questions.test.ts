import { readFileSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { questionsFiles, writeQuestions } from '../build/questions.ts'

const ROOT = join(import.meta.dirname, '../..')

it('the command line begins the same questions with them as the sources answer', () => {
  const start = readFileSync(join(import.meta.dirname, 'start.js'), 'utf8')
  const questions = readFileSync(join(import.meta.dirname, 'questions.ts'), 'utf8')
  const names = [...(/const QUESTIONS = \[(.*)\]/.exec(start)?.[1] ?? '').matchAll(/'(\w+)'/g)].map(
    ([, name]) => name,
  )
  expect(names).toContain('query')
  expect([...questions.matchAll(/^ {2}(\w+): async/gm)].map(([, name]) => name)).toEqual(names)
  const launcher = readFileSync(join(ROOT, 'sekisho'), 'utf8')
  expect(/case \$\{1-\} in (.*)\) flags=/.exec(launcher)?.[1]?.split(' | ')).toEqual(names)
})

it('makes the same files of the same sources, and knows all of these', async () => {
  const [one, two] = [await questionsFiles(ROOT), await questionsFiles(ROOT)]
  expect(one).toEqual(two)
  expect(one.map(({ name }) => name)).toContain('questions.js')
  expect(one.flatMap(({ inputs }) => inputs)).toEqual(
    expect.arrayContaining([
      'src/cli/questions.ts',
      'src/recorder/query/session.ts',
      'src/recorder/query/remote-days.ts',
    ]),
  )
  // What a library brings is looked for beside the program, wherever that is.
  for (const { code } of one) expect(code).not.toContain(ROOT)
})

it('replaces what was there, and leaves nothing beside', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'questions-'))
  try {
    for (let i = 0; i < 2; i++) await writeQuestions(ROOT, join(folder, 'made'))
    expect(await readdir(folder)).toEqual(['made'])
    const inputs = JSON.parse(await readFile(join(folder, 'made/inputs.json'), 'utf8')) as string[]
    expect(inputs).toEqual(
      expect.arrayContaining(['package-lock.json', 'src/build/questions.ts', 'src/cli/query.ts']),
    )
  } finally {
    await rm(folder, { recursive: true })
  }
})
