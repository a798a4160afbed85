import { expect, test } from 'vitest'
import { minuteText } from '../recorder/ask/units.ts'
import type { Interval } from '../recorder/devices/intervals.ts'
import type { KnownDevice } from '../recorder/devices/known.ts'
import { overviewOf } from '../recorder/devices/overview.ts'
import type { DevicesState } from '../recorder/devices/state.ts'
import { describeDevices } from './describe-devices.ts'

const T = Date.UTC(2026, 10, 24, 12)
const LAPTOP = '02:00:5e:30:00:01'
/** Where the reader is. */
const LAST = minuteText(T)
const FIRST = minuteText(T - 86_400_000)
const PRINTER = '00:22:72:00:00:01'

function known(macAddress: string, more: Partial<KnownDevice> = {}): [string, KnownDevice] {
  return [
    macAddress,
    { macAddress, network: 'home', leased: true, firstSeen: T - 86_400_000, lastSeen: T, ...more },
  ]
}

function open(address: string, macAddress: string): [string, Interval] {
  return [
    `home ${address}`,
    { address, network: 'home', macAddress, leased: true, from: T, until: T, seen: T },
  ]
}

const STATE: DevicesState = {
  time: T,
  open: new Map([
    open('fd00::1', LAPTOP),
    open('10.0.0.130', LAPTOP),
    open('10.0.0.131', '02:00:5e:30:00:03'),
  ]),
  known: new Map([
    known(LAPTOP, { device: 'laptop' }),
    known(PRINTER, { device: 'printer', vendor: 'American Micro-Fuel Device Corp.' }),
    known('02:00:5e:30:00:03', { leased: false }),
  ]),
  leases: new Map([
    ['10.0.0.130', { address: '10.0.0.130', macAddress: LAPTOP, network: 'home', cltt: 1000, expires: 4600 }],
  ]),
}

test('those with an address now, or all', () => {
  expect(describeDevices(overviewOf(STATE, true))).toBe(
    `NAME     MAC                         VENDOR                            NETWORK  FIRST SEEN        LAST SEEN         ADDRESSES
laptop   02:00:5e:30:00:01 (random)  -                                 home     ${FIRST}  ${LAST}  10.0.0.130 fd00::1
printer  00:22:72:00:00:01           American Micro-Fuel Device Corp.  home     ${FIRST}  ${LAST}  -
-        02:00:5e:30:00:03 (random)  -                                 home     ${FIRST}  ${LAST}  10.0.0.131
`,
  )
  expect(overviewOf(STATE, false).map(({ macAddress }) => macAddress)).toEqual([LAPTOP, '02:00:5e:30:00:03'])
})

test('a name cannot hurt a terminal', () => {
  const state = { ...STATE, known: new Map([known(LAPTOP, { device: 'a\u001b[2Jb\n\u202ec\u009b' })]) }
  const [, line = ''] = describeDevices(overviewOf(state, true)).split('\n')
  expect(line).toMatch(/^a\?\[2Jb\?\?c\? /)
})
