import { describe, expect, it } from 'vitest'
import { findDevice } from './find-device.ts'

const TV = '02:00:5e:10:00:01'
const PHONE = '02:00:5e:10:00:02'
const CAMERA = '02:00:5e:10:00:03'
const lease = { state: 'in use', asked: '', ends: null, reserved: false } as const

const KNOWN = {
  networks: [
    {
      name: 'home',
      prefix: '10.0.0.0/24',
      reservations: [{ name: 'tv', mac: TV, address: '10.0.0.5' }],
    },
    { name: 'guest', prefix: '10.0.1.0/24', reservations: [] },
  ],
  leases: [
    { ...lease, address: '10.0.1.130', name: 'Phone.home.arpa', mac: PHONE, network: 'guest' },
    { ...lease, address: '10.0.0.131', name: 'phone', mac: PHONE, network: 'home', state: 'over' as const },
  ],
  neighbours: [
    { address: '10.0.1.130', macAddress: PHONE },
    { address: '2001:db8::2', macAddress: PHONE },
    { address: '10.0.0.77', macAddress: CAMERA },
    { address: '198.51.100.1', macAddress: '02:00:5e:20:00:ff' },
  ],
}

describe('a device', () => {
  it.each([TV, TV.toUpperCase(), 'tv', 'TV', '10.0.0.5'])('with a reservation, which is away: %s', (who) => {
    expect(findDevice(who, KNOWN)).toEqual({
      mac: TV,
      label: 'tv',
      networks: ['home'],
      reservation: { name: 'tv', mac: TV, address: '10.0.0.5', network: 'home' },
      addresses: [],
    })
  })

  it.each([PHONE, 'phone', '10.0.1.130', '2001:db8::2'])('with a lease, in both its networks: %s', (who) => {
    expect(findDevice(who, KNOWN)).toEqual({
      mac: PHONE,
      label: 'Phone',
      networks: ['guest', 'home'],
      addresses: ['10.0.1.130', '2001:db8::2'],
    })
  })

  it('that calls itself what a terminal would obey', () => {
    const leases = [{ ...lease, address: '10.0.0.140', name: '\x1b[2Jtv\n', mac: CAMERA, network: 'home' }]
    expect(findDevice(CAMERA, { ...KNOWN, leases }).label).toBe('\\x1b[2Jtv\\x0a')
  })

  it('with an address of its own', () => {
    expect(findDevice('10.0.0.77', KNOWN)).toMatchObject({ mac: CAMERA, label: CAMERA, networks: ['home'] })
  })
})

it.each(['nobody', '02:00:5e:10:00:99', '198.51.100.1', '10.0.0.9', '', '__proto__'])(
  'knows no %j, nor who is on the WAN',
  (who) => {
    expect(() => findDevice(who, KNOWN)).toThrow('no device is known')
  },
)
