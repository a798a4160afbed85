import { expect, it } from 'vitest'
import { LiveConnections, type LiveFlow } from './live-rates.ts'

function flow(more: Partial<LiveFlow>): LiveFlow {
  return {
    deviceId: '02:00:5e:00:00:01',
    device: 'laptop',
    protocol: 'tcp',
    source: '10.0.0.9',
    sourcePort: 1,
    destination: '192.0.2.1',
    destinationPort: 443,
    startMs: 0,
    down: 0,
    up: 0,
    ...more,
  }
}

it('rates are what was moved between two looks, by device', () => {
  const rates = new LiveConnections()
  expect(rates.take([flow({ down: 5000, up: 10 })], 10_000)).toBeUndefined()
  const told = rates.take(
    [
      flow({ down: 9000, up: 30 }),
      // It began since.
      flow({ sourcePort: 2, startMs: 11_000, down: 2000 }),
      // It was there before, and had not been seen.
      flow({ sourcePort: 3, startMs: 100, down: 1e9 }),
      // Of nobody's: it counts, and is no device's.
      { ...flow({ sourcePort: 4, startMs: 11_500, up: 100 }), deviceId: undefined } as unknown as LiveFlow,
      flow({ deviceId: '02:00:5e:00:00:02', sourcePort: 5 }),
    ],
    12_000,
  )
  expect(told).toEqual({
    timeMs: 12_000,
    down: 3000,
    up: 60,
    devices: [{ deviceId: '02:00:5e:00:00:01', name: 'laptop', down: 3000, up: 10 }],
  })
})

it('a port that is used anew, and counts that fell, are no traffic of hundreds of megabytes', () => {
  const rates = new LiveConnections()
  rates.take([flow({ down: 5_000_000 }), flow({ sourcePort: 2, down: 100 })], 1000)
  const told = rates.take([flow({ startMs: 1500, down: 700 }), flow({ sourcePort: 2, down: 50 })], 2000)
  expect(told?.down).toBe(700)
})

it('after a pause it begins anew', () => {
  const rates = new LiveConnections()
  rates.take([flow({})], 1000)
  expect(rates.take([flow({ down: 1e6 })], 60_000)).toBeUndefined()
  expect(rates.take([flow({ down: 1e6 + 10 })], 61_000)?.down).toBe(10)
})
