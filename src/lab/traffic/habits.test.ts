import { describe, expect, it } from 'vitest'
import { SERVERS, WAN } from '../topology.ts'
import { ZONES } from '../zones.ts'
import { DEVICES, nextDeed } from './habits.ts'
import { Random } from './random.ts'

const deedsOf = (device: (typeof DEVICES)[number], seed: number, count = 500) => {
  const random = new Random(seed)
  return Array.from({ length: count }, () => nextDeed(device, random))
}

describe.each(DEVICES)('%s', (device) => {
  it('does the same from the same seed, and something else from another', () => {
    expect(deedsOf(device, 7)).toEqual(deedsOf(device, 7))
    expect(deedsOf(device, 7)).not.toEqual(deedsOf(device, 8))
  })

  it("goes nowhere but to the lab's own Internet, and rests in between", () => {
    const names = ZONES.map(({ name }) => name).filter((name) => name.split('.').length > 1)
    const hosts = deedsOf(device, 7).flatMap(({ argv, restSecs }) => {
      expect(restSecs).toBeGreaterThan(0)
      return argv.flatMap((word) =>
        word.startsWith('http://')
          ? [new URL(word).hostname]
          : /^@?[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(word)
            ? [word.replace('@', '')]
            : [],
      )
    })
    expect(hosts.length).toBeGreaterThan(400)
    for (const host of new Set(hosts)) {
      const inside = names.some((name) => host === name || host.endsWith(`.${name}`))
      expect(inside || [SERVERS.www2.v4, WAN.resolver4].includes(host as never), host).toBe(true)
    }
  })
})

it('has a TV that talks much, a camera that asks past the router and a sensor that fails', () => {
  const perHour = (device: (typeof DEVICES)[number]) => {
    const deeds = deedsOf(device, 7)
    return (3600 * deeds.length) / deeds.reduce((sum, { restSecs }) => sum + restSecs, 0)
  }
  expect(perHour('tv')).toBeGreaterThan(3 * perHour('guest1'))
  expect(deedsOf('camera', 7).some(({ argv }) => argv.includes(`@${WAN.resolver4}`))).toBe(true)
  expect(deedsOf('camera', 7).some(({ argv }) => argv.some((word) => word.includes(SERVERS.www2.v4)))).toBe(
    true,
  )
  expect(new Set(deedsOf('sensor', 7).map(({ argv }) => argv.at(-2))).size).toBe(5)
})

it('has favourites', () => {
  const random = new Random(3)
  const counts = { a: 0, b: 0, c: 0 }
  for (let i = 0; i < 3000; i++) counts[random.favourite<'a' | 'b' | 'c'>(['a', 'b', 'c'])] += 1
  expect(counts.a).toBeGreaterThan(counts.b)
  expect(counts.b).toBeGreaterThan(counts.c)
  expect(counts.c).toBeGreaterThan(300)
})
