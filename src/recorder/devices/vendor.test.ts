import fc from 'fast-check'
import { expect, test } from 'vitest'
import { vendorOf } from './vendor.ts'
import { vendorTable } from './vendor-table.ts'

const HEAD = 'Registry,Assignment,Organization Name,Organization Address\n'
const OUI = `${HEAD}MA-L,F4BD9E,"Cisco Systems, Inc",80 West\nMA-L,002272,"The ""Quoted"" Corp.","1 Street\nTown"\nMA-L,FCFFAA,IEEE Registration Authority,x\nMA-L,0200AA,Old,x\nIAB,0050C27D5,Left Out,x\nMA-L,000001,Private,\n`
const MAM = `${HEAD}MA-M,FCFFAA0,Small Maker,x\r\nMA-M,208593B,IOG Products LLC,9737`
const OUI36 = `${HEAD}MA-S,70B3D5F2F,TELEPLATFORMS,x\n`

const table = Buffer.from(vendorTable([OUI, MAM, OUI36]))

test.each([
  ['f4:bd:9e:00:00:01', 'Cisco Systems, Inc'],
  ['00:22:72:ff:ff:ff', 'The "Quoted" Corp.'],
  ['fc:ff:aa:01:02:03', 'Small Maker'],
  ['fc:ff:aa:11:02:03', undefined],
  ['20:85:93:b0:00:00', 'IOG Products LLC'],
  ['70:b3:d5:f2:f0:00', 'TELEPLATFORMS'],
  ['00:00:01:00:00:00', undefined],
  // Made up by the device, whoever once had the prefix.
  ['02:00:aa:00:00:00', undefined],
])('%s', (mac, name) => {
  expect(vendorOf(table, mac)).toBe(name)
})

test('property: every assignment of a table is found, and nothing else', () => {
  const digits = fc.stringMatching(/^[0-9A-F][0159D8][0-9A-F]{4}$/)
  fc.assert(
    fc.property(fc.uniqueArray(digits, { maxLength: 40 }), digits, (assigned, other) => {
      const random = (prefix: string) => (Number.parseInt(prefix.slice(0, 2), 16) & 2) !== 0
      const text = vendorTable([HEAD + assigned.map((one) => `MA-L,${one},Maker ${one},\n`).join('')])
      for (const one of new Set([...assigned, other])) {
        const mac = `${one}000000`.replace(/(..)(?!$)/g, '$1:').toLowerCase()
        const known = assigned.includes(one) && !random(one)
        expect(vendorOf(Buffer.from(text), mac)).toBe(known ? `Maker ${one}` : undefined)
      }
    }),
  )
})

test('any bytes are searched to an end', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      vendorOf(Buffer.from(bytes), '00:22:72:00:00:01')
    }),
  )
  expect(vendorOf(Buffer.alloc(0), '00:22:72:00:00:01')).toBeUndefined()
})
