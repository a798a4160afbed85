import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseDisks, parseInterfaces, parseLoad, parseMeminfo, parseStat } from './proc.ts'

test('load, processors and memory', () => {
  expect(parseLoad('0.20 0.18 0.12 1/80 11206\n')).toEqual([0.2, 0.18, 0.12])
  expect(parseLoad('')).toBeUndefined()
  const stat = 'cpu  30 0 10 200 5 0 0 0 0 0\ncpu1 20 0 10 100 5 0 1 2 3 4\nbtime 1700000000\n'
  const { cpus, bootTime } = parseStat(stat)
  expect(Object.keys(cpus)).toEqual(['1'])
  expect(cpus['1']).toMatchObject({ user: 0.2, idle: 1, softirq: 0.01, steal: 0.02, guest_nice: 0.04 })
  expect(bootTime).toBe(1_700_000_000)
  expect(parseMeminfo('MemTotal:       16 kB\nHugePages_Total:       0\nDirectMap4k:    8 kB\n')).toEqual({
    MemTotal: 16_384,
    DirectMap4k: 8192,
  })
})

test('disks: whole ones that were used', () => {
  const line = (name: string, reads = 5) => `   8       0 ${name} ${reads} 0 10 0 7 0 20 0 0 0 0 0 0 0 0`
  const names = [
    'sda',
    'sda1',
    'nvme0n1',
    'nvme0n1p2',
    'mmcblk0',
    'mmcblk0p1',
    'loop0',
    'vdb',
    'dm-0',
    'xvda1',
  ]
  const disks = parseDisks([...names.map((name) => line(name)), ''].join('\n'))
  expect(Object.keys(disks)).toEqual(['sda', 'nvme0n1', 'mmcblk0', 'vdb', 'dm-0'])
  expect(disks.sda).toEqual({ reads: 5, readBytes: 5120, writes: 7, writtenBytes: 10_240 })
})

test('interfaces: those that are asked for', () => {
  const text = [
    'Inter-|   Receive',
    ' face |bytes packets',
    '  wan0: 1 2 3 4 0 0 0 0 9 10 11 12 0 0 0 0',
    'veth1:5 6 0 0 0 0 0 0 7 8 0 0 0 0 0 0',
    '  a:b: 5 6 0 0 0 0 0 0 7 8 0 0 0 0 0 0',
  ].join('\n')
  const found = parseInterfaces(text, ['wan0', 'a:b', 'gone'])
  expect(Object.keys(found)).toEqual(['wan0', 'a:b'])
  expect(found.wan0).toEqual({
    receivedBytes: 1,
    receivedPackets: 2,
    receiveErrors: 3,
    receiveDrops: 4,
    sentBytes: 9,
    sentPackets: 10,
    sendErrors: 11,
    sendDrops: 12,
  })
})

test('any text gives figures or nothing', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      parseLoad(text)
      const figures = [
        ...Object.values(parseStat(text).cpus),
        ...Object.values(parseDisks(text)),
        ...Object.values(parseInterfaces(text, ['x', ''])),
        parseMeminfo(text),
      ]
      for (const value of figures.flatMap((one) => Object.values(one)))
        expect(value).toBeGreaterThanOrEqual(0)
    }),
  )
})
