import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Sequence } from './sequence.ts'

type Step = readonly [sequence: number, units: number | undefined, flows?: number]

function missing(...steps: readonly Step[]): number[] {
  const sequence = new Sequence()
  return steps.map((step) => sequence.next(...step))
}

it('counts what is missing, not what came before the first', () => {
  expect(missing([1000, 5], [1005, 5], [1020, 5], [1025, 1])).toEqual([0, 0, 10, 0])
})

it('goes on after 2^32', () => {
  expect(missing([2 ** 32 - 10, 10], [0, 5], [15, 1])).toEqual([0, 0, 10])
})

it('takes back what comes late, once', () => {
  expect(missing([0, 5], [15, 5], [10, 5], [5, 5], [5, 5], [20, 5])).toEqual([0, 10, -5, -5, 0, 0])
})

it('takes two late ones in a row for late, not for a new start', () => {
  expect(missing([0, 5], [15, 5], [5, 5], [10, 5], [20, 5])).toEqual([0, 10, -5, -5, 0])
})

it('takes a repetition for nothing', () => {
  expect(missing([0, 5], [5, 5], [0, 5], [10, 5], [5, 5], [15, 5])).toEqual([0, 0, 0, 0, 0, 0])
})

it.each([0, 2 ** 31])('begins anew with a sender that goes on from %i', (from) => {
  expect(missing([500_000, 5], [500_005, 5], [from, 5], [from + 5, 5], [from + 15, 5])).toEqual([
    0, 0, 0, 0, 5,
  ])
})

it('does not judge across a datagram whose units it cannot tell', () => {
  expect(missing([0, 5], [5, undefined], [25, 5], [35, 5])).toEqual([0, 0, 0, 5])
})

it("understands softflowd's numbers, which include the datagram's own flows but not its options", () => {
  expect(missing([20, 21, 20], [45, 25, 25], [71, 26, 26], [125, 26, 26], [131, 6, 6])).toEqual([
    0, 0, 0, 28, 0,
  ])
})

it('does not take a loss for such numbers later on', () => {
  expect(missing([0, 5, 5], [5, 10, 10], [15, 20, 20], [65, 30, 30])).toEqual([0, 0, 0, 30])
})

it('agrees with what a network does to datagrams: loses, delays by a few, repeats', () => {
  const datagram = fc.record({
    units: fc.integer({ min: 1, max: 30 }),
    fate: fc.constantFrom('arrives', 'arrives', 'arrives', 'is lost', 'is late', 'comes twice'),
  })
  fc.assert(
    fc.property(
      fc.array(datagram, { maxLength: 60, size: 'max' }),
      fc.nat({ max: 2 ** 32 - 1 }),
      (list, from) => {
        let at = from
        let lost = 0
        const steps: Step[] = [[at, 0]]
        let delayed: Step | undefined
        for (const { units, fate } of list) {
          const step: Step = [at % 2 ** 32, units]
          at += units
          if (fate === 'is lost') lost += units
          else if (fate === 'is late' && !delayed) {
            delayed = step
            continue
          } else steps.push(step, ...(fate === 'comes twice' ? [step] : []))
          if (delayed) steps.push(delayed)
          delayed = undefined
        }
        if (delayed) steps.push(delayed)
        steps.push([at % 2 ** 32, 0])
        expect(missing(...steps).reduce((sum, change) => sum + change, 0)).toBe(lost)
      },
    ),
  )
})
