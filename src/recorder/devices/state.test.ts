import { expect, test } from 'vitest'
import { type DevicesState, NOTHING, parseState, serialiseState } from './state.ts'

const HELD = { address: '10.0.0.130', network: 'home', macAddress: '02:00:5e:30:00:01' }
const STATE: DevicesState = {
  time: 3000,
  open: new Map([
    ['home 10.0.0.130', { ...HELD, leased: true, from: 1000, until: 2000, seen: 1500, written: 1800 }],
  ]),
  known: new Map([
    [
      HELD.macAddress,
      {
        macAddress: HELD.macAddress,
        network: 'home',
        device: 'laptop',
        leased: true,
        firstSeen: 0,
        lastSeen: 1500,
      },
    ],
  ]),
  leases: new Map([[HELD.address, { ...HELD, cltt: 1, expires: 601, hostname: 'laptop' }]]),
}

test('a state is read back, and nothing else is', () => {
  for (const state of [STATE, NOTHING]) expect(parseState(serialiseState(state))).toEqual(state)
  for (const text of ['', '{}', 'null', '[]', '{"version":1,"time":1,"open":[],"known":[],"leases":{}}']) {
    expect(() => parseState(text)).toThrow()
  }
})
