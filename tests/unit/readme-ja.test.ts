import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

/* README.ja.md says in Japanese what README.md says: as many headings, and the same commands, code, links and keys. */

const read = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8')
const [english, japanese] = [read('README.md'), read('README.ja.md')]

/** The text in parts: headings, code (without what its comments say) and tables have to be the same in both. */
function outline(text: string) {
  const fenced = [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language, code]) => [
    language,
    code,
  ])
  const rest = text.replaceAll(/^```[\s\S]*?^```$/gm, '')
  const lines = rest.split('\n')
  return {
    headings: lines.flatMap((line) => /^#+ /.exec(line)?.[0] ?? []),
    fenced,
    commands: lines.filter((line) => line.startsWith('    ')).map((line) => line.replace(/ *# .*$/, '')),
    tables: lines
      .filter((line) => line.startsWith('| '))
      .map((line) =>
        [...(line.split(' | ')[0] ?? '').matchAll(/`[^`]+`|\]\([^)]+\)/g)].map(([code]) => code),
      ),
    pictures: [...rest.matchAll(/!\[[^\]]*\]\(([^)]+)\)/g)].map(([, path]) => path),
    links: [...rest.matchAll(/(?<!!)\[[^\]]*\]\(([^)]+)\)/g)]
      .map(([, path]) => path)
      .filter((path) => !path?.startsWith('README'))
      .toSorted(),
  }
}

test.each(['headings', 'fenced', 'commands', 'tables', 'pictures', 'links'] as const)('%s', (part) => {
  const own = outline(english)[part]
  expect(own.length).toBeGreaterThan(4 - Number(part === 'pictures'))
  expect(outline(japanese)[part]).toEqual(own)
})

test('a command that one of them lacks is noticed', () => {
  const lacks = english.replace('    sekisho devices\n', '')
  expect(lacks).not.toBe(english)
  expect(outline(lacks).commands).not.toEqual(outline(english).commands)
})
