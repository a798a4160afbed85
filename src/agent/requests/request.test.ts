import fc from 'fast-check'
import { expect, it } from 'vitest'
import { parseLine } from './request.ts'

const MAC = '02:00:5e:10:00:01'

it.each([
  [{ ask: 'status' }],
  [{ ask: 'connections' }],
  [{ ask: 'diff', a: 1, b: 2 }],
  [{ action: 'pause', macAddress: MAC }],
  [{ action: 'reserve', macAddress: MAC, address: '10.0.0.5', name: 'tv' }],
])('takes %j', (request) => {
  expect(parseLine(JSON.stringify({ id: 'x', ...request }))).toEqual({ id: 'x', request })
})

it.each([
  ['no JSON', '{'],
  ['no object', '[]'],
  ['nothing', 'null'],
  ['no id', '{"ask":"status"}'],
  ['an id without an end', `{"id":"${'x'.repeat(65)}","ask":"status"}`],
  ['no question', '{"id":"1"}'],
  ['an unknown question', '{"id":"1","ask":"shell"}'],
  ['an unknown key', '{"id":"1","ask":"status","argv":["--file","/etc/shadow"]}'],
  ['a question and an action', `{"id":"1","ask":"status","action":"pause","macAddress":"${MAC}"}`],
  ['an option for a generation', '{"id":"1","ask":"diff","a":"--full","b":2}'],
  ['an option for a MAC address', '{"id":"1","action":"pause","macAddress":"--help"}'],
  ['a name with more in it', `{"id":"1","action":"rename","macAddress":"${MAC}","name":"tv\\nmodules: {}"}`],
  ['an option for a name', `{"id":"1","action":"rename","macAddress":"${MAC}","name":"--json"}`],
  ['a prefix', `{"id":"1","action":"reserve","macAddress":"${MAC}","name":"tv","address":"10.0.0.0/8"}`],
])('refuses %s', (_, line) => {
  expect(parseLine(line)).toHaveProperty('problem')
})

it('never throws, and lets no text through but those of its patterns', () => {
  const text = fc.oneof(fc.string(), fc.constantFrom(MAC, 'tv', '10.0.0.5'), fc.string({ unit: 'binary' }))
  const request = fc.record(
    {
      id: text,
      ask: fc.oneof(text, fc.constantFrom('status', 'diff', 'plan')),
      action: fc.oneof(text, fc.constantFrom('pause', 'rename', 'reserve')),
      macAddress: text,
      name: text,
      address: text,
      a: fc.oneof(fc.integer(), text),
      b: fc.integer(),
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(
      fc.oneof(
        request.map((one) => JSON.stringify(one)),
        fc.string(),
        fc.json(),
      ),
      (line) => {
        const parsed = parseLine(line)
        if ('problem' in parsed) return
        for (const value of Object.values(parsed.request))
          expect(String(value)).toMatch(/^[a-z0-9][a-z0-9.:-]*$/)
      },
    ),
    { numRuns: 3000 },
  )
})
