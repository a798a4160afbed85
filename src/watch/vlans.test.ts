import { expect, it } from 'vitest'
import { vlansElsewhere } from './vlans.ts'

it('finds VLANs that are watched at their own device', () => {
  const devices = ['lan1', 'lan1.20', 'lan1.30', 'lan10.40', 'br-home', 'lan1.x']
  expect(vlansElsewhere('lan1', devices)).toEqual([20, 30])
  expect(vlansElsewhere('lan1.20', devices)).toEqual([])
  expect(vlansElsewhere('br-home', devices)).toEqual([])
})
