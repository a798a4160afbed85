import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PROJECT_ROOT } from './image-ref.ts'

/** The release that this program is, `<version>-<hash>`; of a checkout the version alone. */
export async function releaseName(): Promise<string> {
  const text = await readFile(join(PROJECT_ROOT, 'INSTALLED'), 'utf8').catch(() => '')
  if (text !== '') return text.split(' ')[0] ?? ''
  const { version }: { version: string } = JSON.parse(
    await readFile(join(PROJECT_ROOT, 'package.json'), 'utf8'),
  )
  return version
}
