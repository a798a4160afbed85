import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseLeaseFigures, parseMounts, parseResolverFigures } from './figures.ts'

test("of unbound's figures, those of all threads together", () => {
  const reply = [
    'thread0.num.queries=3',
    'total.num.queries=8',
    'total.num.cachehits=2',
    'total.recursion.time.avg=0.045',
    'histogram.000000.000000.to.000000.000001=0',
    'num.answer.rcode.NOERROR=7',
    'num.answer.rcode.nodata=1',
    'num.query.type.A=5',
    'time.up=12.5',
    'total.tcpusage=oops',
    '',
  ].join('\n')
  expect(parseResolverFigures(reply)).toEqual({
    'total.num.queries': 8,
    'total.num.cachehits': 2,
    'total.recursion.time.avg': 0.045,
    'histogram.000000.000000.to.000000.000001': 0,
    'num.answer.rcode.NOERROR': 7,
    'time.up': 12.5,
  })
  expect(parseResolverFigures("error unknown command 'stats'\n")).toBeUndefined()
})

test("of Kea's statistics, the newest sample of each that is shown", () => {
  const reply = JSON.stringify({
    result: 0,
    arguments: {
      'pkt4-ack-sent': [
        [4, '2026-11-26 10:00:00.000000'],
        [3, '2026-11-26 09:00:00.000000'],
      ],
      'subnet[1].assigned-addresses': [[2, '2026-11-26 10:00:00.000000']],
      'subnet[1].pool[0].assigned-addresses': [[2, '2026-11-26 10:00:00.000000']],
      'subnet[2].total-addresses': [['many', '']],
      'cumulative-assigned-addresses': [[9, '']],
    },
  })
  expect(parseLeaseFigures(reply)).toEqual({ 'pkt4-ack-sent': 4, 'subnet[1].assigned-addresses': 2 })
  expect(parseLeaseFigures('{"result":1,"text":"no"}')).toBeUndefined()
  expect(() => parseLeaseFigures('{"result":')).toThrow()
})

test('of the mounts, file systems on devices and the root, each once', () => {
  const mountinfo = [
    '22 1 0:20 / / rw,relatime shared:1 - overlay overlay rw,lowerdir=/a',
    '23 22 8:1 / /var rw,relatime shared:2 - ext4 /dev/sda1 rw',
    '24 22 8:1 /lib/docker /var/lib/docker rw - ext4 /dev/sda1 rw',
    '25 22 0:21 / /proc rw - proc proc rw',
    '26 22 254:0 / /srv/my\\040files rw - xfs /dev/mapper/data rw',
    '',
  ].join('\n')
  expect(parseMounts(mountinfo)).toEqual([
    { name: 'overlay', mount: '/' },
    { name: 'sda1', mount: '/var' },
    { name: 'data', mount: '/srv/my files' },
  ])
})

test('whatever is said, nothing else comes out', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      for (const value of Object.values(parseResolverFigures(text) ?? {})) expect(value).toBeTypeOf('number')
      for (const { mount } of parseMounts(text)) expect(mount).not.toBe('')
    }),
  )
  fc.assert(
    fc.property(fc.json(), (text) => {
      for (const value of Object.values(parseLeaseFigures(text) ?? {})) expect(value).toBeTypeOf('number')
    }),
  )
})
