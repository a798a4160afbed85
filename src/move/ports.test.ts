import { assert as check, constantFrom, dictionary, property, uniqueArray } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { completeMap, readMaps } from './port-map.ts'
import { otherMentions, renamePorts, usedPorts } from './port-names.ts'

const YAML = `# lan0 in a comment stays
version: 1
wan:
  interface: "wan0" # the ONU
  mode: dhcp
  vlan: 10
networks:
  home: &home
    interfaces: [lan0, &two lan2,
      { name: lan1, vlan: 30 }] # bridged
  lan0: { interfaces: [ 'lan1' ] }
  guest:
    interfaces:
      - *two
modules:
  hello: { path: ./modules/hello, device: lan0, list: [x, lan0] }
`

describe('the ports of a router.yaml', () => {
  test('are found with what they are for', () => {
    expect(usedPorts(YAML)).toEqual([
      { name: 'wan0', uses: ['wan'] },
      { name: 'lan0', uses: ['home'] },
      { name: 'lan2', uses: ['home', 'guest'] },
      { name: 'lan1', uses: ['home', 'lan0'] },
    ])
    expect(usedPorts('')).toEqual([])
    expect(usedPorts('wan: [\n')).toEqual([])
    expect(usedPorts('networks: { home: { interfaces: 3 } }\nwan: x')).toEqual([])
  })

  test('get other names, and nothing else changes by a byte', () => {
    const names = new Map(Object.entries({ wan0: 'enp1s0', lan0: 'lan1', lan1: 'lan0', lan2: '1e3' }))
    expect(renamePorts(YAML, names)).toBe(
      YAML.replace('"wan0"', 'enp1s0')
        .replace('[lan0, &two lan2', '[lan1, &two "1e3"')
        .replace('name: lan1', 'name: lan0')
        .replace("'lan1'", 'lan0'),
    )
    expect(renamePorts(YAML, new Map([['lan0', 'lan0']]))).toBe(YAML)
  })

  test('are said to stand elsewhere too', () => {
    expect(otherMentions(YAML, new Set(['lan0']))).toEqual(['modules.hello.device', 'modules.hello.list[1]'])
    expect(otherMentions(YAML, new Set(['lan2']))).toEqual([])
  })
})

describe('--map', () => {
  const used = ['wan0', 'lan0', 'eth0', 'eth1']
  const here = ['enp1s0', 'enp2s0', 'eth0', 'eth1', 'eth2']
  const read = (...maps: string[]) => Object.fromEntries(readMaps(maps, used, here))

  test('is NEW=OLD, or the other way round where only that makes sense', () => {
    expect(read('enp1s0=wan0', 'enp2s0=lan0')).toEqual({ wan0: 'enp1s0', lan0: 'enp2s0' })
    expect(read('wan0=enp1s0', 'lan0=enp2s0')).toEqual({ wan0: 'enp1s0', lan0: 'enp2s0' })
    expect(read()).toEqual({})
    // The same in both directions.
    expect(read('eth0=eth1', 'eth1=eth0')).toEqual({ eth0: 'eth1', eth1: 'eth0' })
    // One that can be read in one way says how the others are meant.
    expect(read('eth0=eth1', 'enp1s0=wan0')).toEqual({ eth1: 'eth0', wan0: 'enp1s0' })
  })

  test('is refused where both ways make sense, until the old name is marked', () => {
    expect(() => read('eth0=eth1')).toThrow('can be read in two ways')
    expect(read('eth0=old:eth1')).toEqual({ eth1: 'eth0' })
    expect(read('old:eth0=eth1')).toEqual({ eth0: 'eth1' })
  })

  test.each([
    [['enp1s0'], 'is not NEW=OLD'],
    [['a=b=c'], 'is not NEW=OLD'],
    [['=lan0'], 'is not NEW=OLD'],
    [['old:a=old:b'], 'is not NEW=OLD'],
    [['enp9s0=lan0'], 'this machine has no port enp9s0'],
    [['enp1s0=lan9'], "the backup's router.yaml uses no port lan9"],
    [['enp1s0=lan0', 'enp1s0=wan0'], 'one port of this machine is given twice'],
    [['enp1s0=lan0', 'enp2s0=lan0'], 'one port of the backup is mapped twice'],
    [['enp1s0=wan0', 'lan0=enp2s0'], 'uses no port enp2s0'],
  ])('%j: %s', (maps, words) => {
    expect(() => read(...maps)).toThrow(words)
  })

  test('what it does not say keeps its name if it can', () => {
    const ports = used.map((name) => ({ name, uses: [] }))
    const { map, missing } = completeMap(new Map([['lan0', 'eth0']]), ports, here)
    expect(Object.fromEntries(map)).toEqual({ lan0: 'eth0', eth1: 'eth1' })
    expect(missing.map(({ name }) => name)).toEqual(['wan0', 'eth0'])
  })
})

test('any names: the file says the same of other ports', () => {
  const names = uniqueArray(constantFrom('eth0', '1e3', 'null', 'yes', '0x10', 'a.b', 'x-y', '~', 'on'), {
    minLength: 3,
    maxLength: 3,
  })
  check(
    property(
      names,
      dictionary(constantFrom('home', 'guest', 'lab'), constantFrom('p', 'q', 'r')),
      ([a = '', b = '', c = ''], networks) => {
        const map = new Map(Object.entries({ p: a, q: b, r: c }))
        const yaml = `networks: ${JSON.stringify(Object.fromEntries(Object.entries(networks).map(([key, port]) => [key, { interfaces: [port] }])))}\n`
        const renamed: unknown = parse(renamePorts(yaml, map))
        const wanted = Object.entries(networks).map(([key, port]) => [key, { interfaces: [map.get(port)] }])
        expect(renamed).toEqual({ networks: Object.fromEntries(wanted) })
      },
    ),
  )
})

test('names that no terminal should show are no ports, and keys are shown escaped', () => {
  const yaml =
    'wan: { interface: "\\e[31m" }\nmodules: { "\\e[31m": { port: lan0 } }\nnetworks: { home: { interfaces: [lan0] } }\n'
  expect(usedPorts(yaml)).toEqual([{ name: 'lan0', uses: ['home'] }])
  expect(otherMentions(yaml, new Set(['lan0']))).toEqual(['modules."\\u001b[31m".port'])
})
