import { expect, test } from 'vitest'
import { parse } from 'yaml'
import type { ComposeService } from '../module.ts'
import { renderCompose } from './compose.ts'

const ODD = [
  '2001-01-01',
  '12:30:45',
  '0o17',
  '012',
  'yes',
  '~',
  '',
  '1e3',
  '<<',
  '- x',
  'a: b # c',
  'k\nl',
  '"\'',
]

function render(service: Partial<ComposeService>): string {
  const whole: ComposeService = {
    name: 'odd',
    image: 'example.org/odd:1',
    listens: [],
    health: { test: ['true'] },
    ...service,
  }
  const output = { files: [], services: [whole], openings: [], logs: [], data: [] }
  return renderCompose([{ name: 'odd', output, image: undefined }])
}

test('what reads as a time, a number or nothing to a YAML parser is quoted, and comes back as it was', () => {
  const environment = Object.fromEntries(ODD.map((word, i) => [`WORD_${i}`, word]))
  const text = render({ command: ODD, environment })
  for (const word of ODD.slice(0, 9)) expect(text).toContain(`- "${word}"\n`)
  expect(parse(text)).toMatchObject({ services: { odd: { command: ODD, environment } } })
})

test('a dollar is literal wherever it stands', () => {
  const text = render({
    command: ['$HOME $PATH $$'],
    environment: { A: '$A' },
    mounts: [{ kind: 'host', source: '/srv/$B', target: '/$C' }],
    health: { test: ['sh', '-c', 'test $D'] },
  })
  const dollars = [...text.matchAll(/\$+/g)].map((match) => match[0].length)
  expect(dollars).toEqual([2, 2, 4, 2, 2, 2, 2])
})

test('a service without a network is on none, not even on the one that containers share', () => {
  expect(parse(render({ network: 'none' }))).toEqual({
    name: 'sekisho',
    services: { odd: expect.objectContaining({ network_mode: 'none' }) },
  })
  expect(parse(render({}))).toMatchObject({ services: { odd: { networks: ['containers'] } } })
})
