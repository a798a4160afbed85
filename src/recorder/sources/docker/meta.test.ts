import fc from 'fast-check'
import { expect, it } from 'vitest'
import { metaOf } from './meta.ts'

it('takes the name and our labels, and nothing of the environment', () => {
  const file = {
    Name: '/sekisho-unbound-1',
    Config: {
      Env: ['PASSWORD=secret'],
      Labels: {
        'com.docker.compose.project': 'sekisho',
        'com.docker.compose.service': 'unbound',
        'org.sekisho.module': 'unbound',
        'org.sekisho.files': 'abc',
      },
    },
  }
  expect(metaOf(JSON.stringify(file))).toEqual({
    name: 'sekisho-unbound-1',
    project: 'sekisho',
    service: 'unbound',
    module: 'unbound',
  })
})

it.each(['', '{', 'null', '[]', '{"Name":5,"Config":{"Labels":null}}', '{"Config":[]}'])(
  'finds nothing in %j',
  (text) => {
    expect(metaOf(text)).toEqual({})
  },
)

it('never throws', () => {
  fc.assert(fc.property(fc.json(), (json) => void metaOf(json)))
})
