import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'

/** A file of JavaScript; what it was made of, as paths from the project's root. */
interface QuestionsFile {
  readonly name: string
  readonly code: string
  readonly inputs: readonly string[]
}

/** A library with files of its own beside its code. */
const EXTERNAL = ['@duckdb/node-bindings']

/**
 * Makes one file, `questions.js`, of src/cli/questions.ts and what it needs from the start, and further ones beside it of what
 * is loaded later. They are the same for the same sources.
 */
export async function questionsFiles(root: string): Promise<QuestionsFile[]> {
  const { rolldown } = await import('rolldown')
  const build = await rolldown({
    input: join(root, 'src/cli/questions.ts'),
    cwd: root,
    platform: 'node',
    external: EXTERNAL,
    // Whatever it has to say is about libraries.
    logLevel: 'silent',
  })
  try {
    const { output } = await build.generate({ format: 'esm' })
    return output.flatMap((one) => {
      if (one.type !== 'chunk') return []
      const ours = one.moduleIds.filter((id) => id.startsWith(root) && !id.includes('/node_modules/'))
      return [{ name: one.fileName, code: one.code, inputs: ours.map((id) => relative(root, id)) }]
    })
  } finally {
    await build.close()
  }
}

/** Writes the files into a folder, and `inputs.json`, the list of what they were made of: all or nothing. */
export async function writeQuestions(root: string, folder: string): Promise<void> {
  const files = await questionsFiles(root)
  await mkdir(dirname(folder), { recursive: true })
  const work = await mkdtemp(`${folder}.`)
  const inputs = [
    'package-lock.json',
    relative(root, import.meta.filename),
    ...files.flatMap((file) => file.inputs),
  ]
  for (const { name, code } of files) await writeFile(join(work, name), code)
  await writeFile(join(work, 'inputs.json'), JSON.stringify(inputs.sort()))
  await rm(folder, { recursive: true, force: true })
  try {
    await rename(work, folder)
  } catch (error) {
    await rm(work, { recursive: true })
    // Another one was quicker.
    if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error
  }
}
