import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { defaultRoute4, defaultRoute6 } from './default-route.ts'

const ZERO = '0'.repeat(32)
const ROUTE4 = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
wan0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
br-home\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
lan9\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0
`
/** As the kernel prints it: a learned default, the reject route on lo that is always there, a reject on ppp0. */
const ROUTE6 = `fd123456789a00010000000000000000 40 ${ZERO} 00 ${ZERO} 00000100 00000001 00000000 00000001  br-home
${ZERO} 00 ${ZERO} 00 fe8000000000000080fcbffffee9d85e 00000400 00000002 00000000 00400003     wan0
${ZERO} 00 ${ZERO} 00 ${ZERO} ffffffff 00000001 00000000 00200200       lo
${ZERO} 00 ${ZERO} 00 ${ZERO} 00000400 00000001 00000000 00000201     ppp0
${ZERO} 00 ${ZERO} 00 ${ZERO} 00000400 00000001 00000000 00000001     tun0
${ZERO} 00 20010db8000000000000000000000000 20 ${ZERO} 00000400 00000001 00000000 00000003     wan1
`

describe('default routes', () => {
  test('IPv4', () => {
    expect(defaultRoute4(ROUTE4, 'wan0')).toBeDefined()
    expect(defaultRoute4(ROUTE4, 'br-home')).toBeUndefined()
    // 0.0.0.0/1 is half of the Internet, and no default route.
    expect(defaultRoute4(ROUTE4, 'lan9')).toBeUndefined()
    expect(defaultRoute4('', 'wan0')).toBeUndefined()
    expect(defaultRoute4(ROUTE4, 'wan0')).toEqual({ gateway: '192.0.2.1' })
    expect(defaultRoute4(ROUTE4.replace('010200C0', '00000000'), 'wan0')).toEqual({})
  })

  test('IPv6, by whom', () => {
    expect(defaultRoute6(ROUTE6, 'wan0')).toEqual({ gateway: 'fe80:0000:0000:0000:80fc:bfff:fee9:d85e' })
    expect(defaultRoute6(ROUTE6, 'tun0')).toEqual({})
  })

  test.each([
    ['wan0', true],
    ['tun0', true],
    ['br-home', false],
    ['lo', false],
    ['ppp0', false],
    ['wan1', false],
    ['wan', false],
  ])('IPv6 on %s: %s', (device, expected) => {
    expect(defaultRoute6(ROUTE6, device) !== undefined).toBe(expected)
  })

  test('fuzz: any text is no route', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(defaultRoute4(text, 'wan0')).toBeUndefined()
        expect(defaultRoute6(text, 'wan0') !== undefined).toBe(false)
      }),
    )
  })
})
