import fc from 'fast-check'
import { expect, it } from 'vitest'
import { buildAttribute, buildMessage, parseAttributes, parseMessages } from './message.ts'

it('reads the messages and attributes that it builds', () => {
  const bytes = fc.uint8Array({ maxLength: 40 }).map((b) => Buffer.from(b))
  const attributes = fc.uniqueArray(fc.tuple(fc.nat({ max: 0x3fff }), bytes), {
    selector: ([type]) => type,
    maxLength: 8,
  })
  const messages = fc.array(fc.tuple(fc.nat({ max: 0xffff }), attributes), { maxLength: 5 })
  fc.assert(
    fc.property(messages, (list) => {
      const datagram = list.map(([type, attributes], i) =>
        buildMessage(type, 5, i, Buffer.concat(attributes.map(([t, value]) => buildAttribute(t, value)))),
      )
      const parsed = parseMessages(Buffer.concat(datagram))
      expect(parsed.rest).toBe(0)
      expect(parsed.messages.map(({ type, sequence }) => [type, sequence])).toEqual(
        list.map(([type], i) => [type, i]),
      )
      parsed.messages.forEach(({ payload }, i) => {
        expect([...parseAttributes(payload)]).toEqual(list[i]?.[1])
      })
    }),
  )
})

it('ends on any bytes, at any cut', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const { messages, rest } = parseMessages(Buffer.from(bytes))
      expect(rest).toBeLessThanOrEqual(bytes.length)
      for (const { payload } of messages) parseAttributes(payload)
      parseAttributes(Buffer.from(bytes))
    }),
  )
})
