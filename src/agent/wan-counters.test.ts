import fc from 'fast-check'
import { expect, test } from 'vitest'
import { arpFailed, wanCounters } from './wan-counters.ts'

const DEV = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:  100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0
  wan0: 9005     158    0    0    0     0          0         0     9567     274    0    0    0     0       0          0
 wan01: 9005       9    0    0    0     0          0         0     9567       9    0    0    0     0       0          0
`
const SNMP6 = `ifIndex                         \t2
Ip6InReceives                   \t58
Ip6OutForwDatagrams             \t6
Ip6OutRequests                  \t74
Ip6InMcastPkts                  \t18
Ip6OutMcastPkts                 \t51
`

test('packets by IP version, without those to groups', () => {
  const counters = { received4: 100, sent4: 194, received6: 40, sent6: 29 }
  expect(wanCounters(DEV, SNMP6, 'wan0')).toEqual(counters)
  // Newer kernels count what was handed to the device.
  expect(wanCounters(DEV, `${SNMP6}Ip6OutTransmits                 \t84\n`, 'wan0')).toEqual({
    ...counters,
    sent4: 190,
    sent6: 33,
  })
  expect(wanCounters(DEV, '', 'wan0')).toEqual({ received4: 158, sent4: 274, received6: 0, sent6: 0 })
  expect(wanCounters(DEV, SNMP6, 'wan')).toEqual({ ...counters, received4: 0, sent4: 0 })
})

test('property: any text gives numbers from zero up', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (dev, snmp6) =>
      Object.values(wanCounters(`wan0: ${dev}`, `Ip6InReceives ${snmp6}`, 'wan0')).every((n) => n >= 0),
    ),
  )
})

test('a gateway that the kernel gave up', () => {
  const table = `IP address       HW type     Flags       HW address            Mask     Device
198.51.100.1     0x1         0x0         00:00:00:00:00:00     *        wan0
198.51.100.2     0x1         0x2         02:00:5e:20:00:ff     *        wan0
198.51.100.3     0x1         0x6         02:00:5e:20:00:ff     *        wan0
`
  expect(arpFailed(table, '198.51.100.1', 'wan0')).toBe(true)
  expect(arpFailed(table, '198.51.100.1', 'wan1')).toBe(false)
  expect(arpFailed(table, '198.51.100.2', 'wan0')).toBe(false)
  expect(arpFailed(table, '198.51.100.3', 'wan0')).toBe(false)
  expect(arpFailed(table, '198.51.100.9', 'wan0')).toBe(false)
})
