import fc from 'fast-check'
import { expect, test } from 'vitest'
import { buildAttribute } from '../recorder/netlink/message.ts'
import { packet } from './packet.ts'
import { decodeTrace } from './trace.ts'

const NFT_MSG_TRACE = (10 << 8) | 17

function number(type: number, value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return buildAttribute(type, bytes)
}

function text(type: number, value: string): Buffer {
  return buildAttribute(type, Buffer.from(`${value}\0`))
}

/** A message as nf_tables_trace.c fills it. */
function message(...attributes: readonly Buffer[]) {
  return { type: NFT_MSG_TRACE, payload: Buffer.concat([Buffer.from([1, 0, 0, 0]), ...attributes]) }
}

test('reads what a rule did, to which packet', () => {
  const bytes = packet({
    from: '10.0.0.20',
    to: '198.51.100.10',
    payload: { kind: 'tcp', sport: 40_000, dport: 443, flags: 2 },
  })
  const verdict = buildAttribute(5, Buffer.concat([number(1, -4), text(2, 'refuse_forward_guest')]))
  const handle = Buffer.alloc(8)
  handle.writeBigUInt64BE(225n)
  const event = decodeTrace(
    message(
      number(6, -2),
      number(4, 3),
      text(1, 'sekisho'),
      text(2, 'forward_guest'),
      buildAttribute(3, handle),
      verdict,
      buildAttribute(8, bytes.subarray(0, 20)),
      buildAttribute(9, bytes.subarray(20)),
    ),
  )
  expect(event).toEqual({
    id: 0xff_ff_ff_fe,
    family: 'inet',
    table: 'sekisho',
    chain: 'forward_guest',
    kind: 'rule',
    handle: 225,
    verdict: 'goto',
    target: 'refuse_forward_guest',
    packet: { from: '10.0.0.20', to: '198.51.100.10', protocol: 6, sport: 40_000, dport: 443, type: 0 },
  })
})

test('reads what a policy did', () => {
  const event = decodeTrace(message(number(6, 1), number(4, 1), text(1, 't'), text(2, 'c'), number(16, 0)))
  expect(event).toEqual({ id: 1, family: 'inet', table: 't', chain: 'c', kind: 'policy', verdict: 'drop' })
})

test('is nobody else, whatever comes', () => {
  expect(decodeTrace({ type: 1, payload: Buffer.alloc(64) })).toBeUndefined()
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      decodeTrace({ type: NFT_MSG_TRACE, payload: Buffer.from(bytes) })
    }),
  )
})
