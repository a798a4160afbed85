import { existsSync, readFileSync, statSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'

/*
 * Where the command line begins, in JavaScript: to read the first TypeScript takes Node 50 ms, unless what it made of it is
 * kept. An installed release holds nothing but what was installed, so there that lies elsewhere; in both places only
 * their owner writes.
 */

/** Those of questions.ts, which are there as one file. */
const QUESTIONS = ['top', 'device', 'who', 'watch', 'logs', 'query']

const root = join(import.meta.dirname, '../..')
const installed = existsSync(join(root, 'INSTALLED'))
enableCompileCache(installed ? '/var/cache/sekisho/compile' : join(root, '.cache/compile'))
const question = QUESTIONS.includes(process.argv[2] ?? '')
await import((question && (await questionsFile())) || './main.ts')

/** The file that they begin in: a release has it, a checkout makes it when the sources have changed. */
async function questionsFile() {
  if (installed) return join(root, 'dist/questions.js')
  const folder = join(root, '.cache/questions')
  const file = join(folder, 'questions.js')
  if (isFresh(file, join(folder, 'inputs.json'))) return file
  try {
    const { writeQuestions } = await import('../build/questions.ts')
    await writeQuestions(root, folder)
    return file
  } catch {
    // Somebody else's checkout, or no room: the sources do as well.
    return undefined
  }
}

function isFresh(file, inputs) {
  try {
    const made = statSync(file).mtimeMs
    return JSON.parse(readFileSync(inputs, 'utf8')).every((path) => statSync(join(root, path)).mtimeMs < made)
  } catch {
    return false
  }
}
