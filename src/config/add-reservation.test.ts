import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { addReservation } from './add-reservation.ts'

const LAPTOP = { name: 'laptop', mac: '02:00:5e:10:00:01', address: '10.0.0.5' } as const
const ENTRY = '{ name: laptop, mac: "02:00:5e:10:00:01", address: 10.0.0.5 }'

const file = (dhcp: string, end = '') => `# ours
networks:
  home: # the house
    interfaces: [lan0]   # two   spaces
${dhcp}
    router_access: [ssh] # who may
  guest: { interfaces: [lan1] }
${end}`

describe('every other character stays', () => {
  it.each([
    [
      'a list of lines',
      '    dhcp:\n      reservations: # known\n      - { name: nas, mac: "02:00:5e:10:00:08", address: 10.0.0.8 } # big\n      # the end\n      pools: [a]',
      `      # the end`,
      `      - ${ENTRY}\n`,
    ],
    [
      'entries of several lines',
      '    dhcp:\n      pools: [a]\n      reservations:\n        - name: nas\n          mac: "02:00:5e:10:00:08"\n          address: 10.0.0.8 # fixed',
      '    router_access',
      `        - ${ENTRY}\n`,
    ],
    [
      'no list yet',
      '    dhcp:\n      pools: [a] # all\n      # lease_secs: 60',
      '      # lease_secs',
      `      reservations:\n        - ${ENTRY}\n`,
    ],
    ['a mapping on one line', '    dhcp: { pools: [a] } # all', ' } # all', `, reservations: [${ENTRY}]`],
    ['an empty list', '    dhcp: { pools: [a], reservations: [] }', '] }', ENTRY],
    ['a list on one line', '    dhcp: { pools: [a], reservations: [{ name: nas }] }', '] }', `, ${ENTRY}`],
  ])('%s', (_, dhcp, before, inserted) => {
    const text = file(dhcp)
    const at = text.indexOf(before)
    expect(addReservation(text, 'home', LAPTOP)).toBe(text.slice(0, at) + inserted + text.slice(at))
  })
})

it('keeps every comment where the place is not a plain one', () => {
  const text = file('    dhcp:\n      ? pools\n      : - a # first\n', '# end')
  const edited = addReservation(text, 'home', LAPTOP) ?? ''
  expect(parse(edited).networks.home.dhcp).toEqual({ pools: ['a'], reservations: [LAPTOP] })
  for (const comment of ['# ours', '# the house', '# first', '# who may', '# end'])
    expect(edited).toContain(comment)
})

it('adds to no network but this one', () => {
  expect(addReservation(file('    dhcp: { pools: [a] }'), 'guest', LAPTOP)).toBeUndefined()
  expect(
    addReservation(
      file('    dhcp: &all { pools: [a] }\n    x: 1').replace('guest: {', 'guest: { dhcp: *all,'),
      'guest',
      LAPTOP,
    ),
  ).toBeUndefined()
  expect(addReservation('networks: [', 'home', LAPTOP)).toBeUndefined()
})

it('writes names that YAML would take for something else as text', () => {
  for (const name of ['true', '1e3', '007', 'null', '0x1f', '12'])
    expect(
      parse(addReservation(file('    dhcp: { pools: [a] }'), 'home', { ...LAPTOP, name }) ?? '').networks.home
        .dhcp.reservations[0].name,
    ).toBe(name)
})
