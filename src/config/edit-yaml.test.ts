import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { addReservation } from './add-reservation.ts'
import { commentsOf } from './edit-yaml.ts'
import { moveDevice } from './move-device.ts'
import { pauseDevice, pausedIn, resumeDevice } from './pause-device.ts'
import { renameDevice } from './rename-device.ts'

const TV = '02:00:5e:10:00:01'
const PHONE = '02:00:5e:10:00:02'
const PAUSE = { from: 'home', to: 'wan', source: TV, why: 'paused until sekisho resume' }
const LINE = `- { from: home, to: wan, source: "${TV}", why: paused until sekisho resume }`

const BASE = `# ours
version: 1
hostname: gate
wan: { mode: dhcp, interface: eth0 } # the provider
networks:
  home: # the house
    interfaces: [eth1]
    address: 10.0.0.1/24
    dhcp:
      pools: [10.0.0.129 - 10.0.0.254]
      reservations:
        - { name: tv, mac: "${TV}", address: 10.0.0.5 } # in the living room
        - { name: tv-2, mac: "${PHONE}", address: 10.0.0.6 }
modules:
  # nothing yet
  kea: {}
`

/** Firewall sections as people write them, to come before "modules". */
const FIREWALLS: Readonly<Record<string, string>> = {
  none: '',
  'an empty one': 'firewall: {} # later\n',
  'nothing behind its key': 'firewall: # later\n  # still later\n',
  'another key': 'firewall:\n  # who may\n  allow: [] # nobody\n',
  'an empty list': 'firewall:\n  deny: [] # nobody\n',
  lines:
    'firewall:\n  deny: # these\n    # the first\n    - { from: home, source: tv } # why\n    # the last\n',
  'lines of lines':
    'firewall:\n  deny:\n  - from: home # here\n    # between\n    source: tv\n    why: paused by hand\n',
  brackets: 'firewall: { deny: [{ from: home, source: tv }] } # all\n',
}
const withFirewall = (section: string): string => BASE.replace('modules:', `${section}modules:`)

describe.each(Object.entries(FIREWALLS))('firewall: %s', (_, section) => {
  const before = withFirewall(section)

  it('takes a pause, and loses exactly that when it is resumed', () => {
    const paused = pauseDevice(before, 'home', TV) ?? ''
    const old = parse(before)
    expect(parse(paused)).toEqual({
      ...old,
      firewall: { ...old.firewall, deny: [...(old.firewall?.deny ?? []), PAUSE] },
    })
    expect(commentsOf(paused)).toEqual(commentsOf(before))
    expect(pausedIn(paused, TV)).toEqual(['home'])
    expect(pausedIn(paused, PHONE)).toEqual([])
    const both = pauseDevice(paused, 'home', PHONE) ?? ''
    expect(pausedIn(both, TV)).toEqual(['home'])
    const resumed = resumeDevice(both, TV) ?? ''
    expect(pausedIn(resumed, TV)).toEqual([])
    expect(pausedIn(resumed, PHONE)).toEqual(['home'])
    const again = resumeDevice(resumed, PHONE) ?? ''
    expect(parse(again).firewall?.deny ?? []).toEqual(old.firewall?.deny ?? [])
    expect(commentsOf(again)).toEqual(commentsOf(before))
  })
})

describe('no other character changes', () => {
  it.each(['none', 'another key', 'an empty list', 'lines', 'lines of lines', 'brackets'])(
    'from a pause to its end: %s',
    (name) => {
      const before = withFirewall(FIREWALLS[name] ?? '')
      expect(resumeDevice(pauseDevice(before, 'home', TV) ?? '', TV)).toBe(before)
    },
  )

  it('for a pause where there was no firewall', () => {
    expect(pauseDevice(BASE, 'home', TV)).toBe(`${BASE}firewall:\n  deny:\n    ${LINE}\n`)
  })

  it('for a name, and what refers to it has it too', () => {
    const before = `${withFirewall(FIREWALLS.lines ?? '')}checks:\n  - { from: tv, to: home, expect: blocked }\n`
    expect(renameDevice(before, TV, 'screen')).toBe(
      before
        .replace('name: tv,', 'name: screen,')
        .replace('source: tv }', 'source: screen }')
        .replace('from: tv,', 'from: screen,'),
    )
  })
})

it('changes no other character for another address', () => {
  const address = BASE.match(/name: tv,.*address: ([0-9.]+)/)?.[1] ?? ''
  expect(moveDevice(BASE, 'home', TV, '10.0.0.77')).toBe(BASE.replace(address, '10.0.0.77'))
  expect(moveDevice(BASE, 'guest', TV, '10.0.0.77')).toBeUndefined()
})

it('keeps what somebody wrote beside a pause', () => {
  const paused = pauseDevice(BASE, 'home', TV) ?? ''
  const noted = paused.replace(LINE, `${LINE} # until Sunday`).replace('  deny:', '  deny: # for now')
  const resumed = resumeDevice(noted, TV) ?? ''
  expect(parse(resumed).firewall?.deny ?? []).toEqual([])
  expect(commentsOf(resumed)).toEqual(commentsOf(noted))
  // In lines of its own, by whoever likes those.
  const lines = paused.replace(
    LINE,
    `- from: home\n      # the house\n      to: wan\n      source: "${TV.toUpperCase()}"\n      why: paused until sekisho resume`,
  )
  expect(pausedIn(lines, TV)).toEqual(['home'])
  expect(commentsOf(resumeDevice(lines, TV) ?? '')).toEqual(commentsOf(lines))
})

it('leaves alone what is no pause of its own', () => {
  const own = withFirewall(`firewall:\n  deny:\n    - { from: home, to: wan, source: "${TV}", why: mine }\n`)
  expect(pausedIn(own, TV)).toEqual([])
  expect(resumeDevice(own, TV)).toBe(own)
})

it('is undefined where a program cannot write it', () => {
  expect(pauseDevice('firewall: [', 'home', TV)).toBeUndefined()
  expect(pauseDevice(withFirewall('firewall: 5\n'), 'home', TV)).toBeUndefined()
  const shared = withFirewall('firewall:\n  deny: &all [{ from: home, source: tv }]\n  other: *all\n')
  expect(pauseDevice(shared, 'home', TV)).toBeUndefined()
  expect(renameDevice(BASE, '02:00:5e:10:00:99', 'x')).toBeUndefined()
})

const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/).filter((name) => name.length > 0)
const names = fc.oneof(label, fc.constantFrom('true', 'null', '1e3', '007', '0x1f', 'no', '12', '1-2', 'on'))
const mac = fc
  .uint8Array({ minLength: 5, maxLength: 5 })
  .map((bytes) => ['02', ...[...bytes].map((byte) => byte.toString(16).padStart(2, '0'))].join(':'))
const comment = fc
  .string({ unit: 'grapheme', maxLength: 20 })
  .map((text) => `# ${text.replaceAll(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, ' ')}`.trimEnd())

/** A file with comments in every place where a line ends, in either style. */
const file = fc
  .record({
    taken: fc.uniqueArray(fc.record({ name: names, mac, denied: fc.boolean() }), {
      maxLength: 4,
      selector: (one) => one.name,
    }),
    style: fc.constantFrom('lines', 'one line each', 'brackets'),
    firewall: fc.boolean(),
    comments: fc.array(comment, { minLength: 1, maxLength: 5 }),
    every: fc.integer({ min: 1, max: 4 }),
    last: fc.constantFrom('', '\n', '\n# the end', '\n\n'),
  })
  .map(({ taken, style, firewall, comments, every, last }) => {
    const value = {
      version: 1,
      hostname: 'gate',
      wan: { mode: 'dhcp', interface: 'eth0' },
      networks: {
        home: {
          interfaces: ['eth1'],
          address: '10.0.0.1/24',
          dhcp: {
            pools: ['10.0.0.129 - 10.0.0.254'],
            reservations: taken.map(({ name, mac: at }, i) => ({
              name,
              mac: at,
              address: `10.0.0.${i + 10}`,
            })),
          },
        },
      },
      ...(firewall && {
        firewall: {
          deny: taken
            .filter(({ denied }) => denied)
            .map(({ name }) => ({ from: 'home', source: name, why: 'x' })),
        },
      }),
      modules: { kea: {} },
    }
    const text = stringify(value, {
      lineWidth: 0,
      ...(style === 'brackets' && { collectionStyle: 'flow' as const, flowCollectionPadding: true }),
      ...(style === 'one line each' && { indentSeq: false }),
    })
    const lines = text.trimEnd().split('\n')
    const noted = lines.flatMap((line, i) => {
      const words = comments[i % comments.length] ?? '#'
      if (i % every !== 0) return [line]
      return i % 2 === 0 ? [`${line} ${words}`] : [`${/^ */.exec(line)?.[0]}${words}`, line]
    })
    return { text: noted.join('\n') + last, value, taken }
  })

it('says what was meant and no more, whatever the file looks like, and keeps each comment', () => {
  let edits = 0
  fc.assert(
    fc.property(file, names, mac, ({ text, value, taken }, name, at) => {
      const check = (edited: string | undefined, wanted: unknown): void => {
        // Undefined is an answer too, and leaves the file alone: it must be rare.
        if (edited === undefined) return
        edits += 1
        expect(parse(edited)).toEqual(wanted)
        expect(commentsOf(edited).toSorted()).toEqual(commentsOf(text).toSorted())
      }
      const reservation = { name, mac: at, address: '10.0.0.99' }
      const reserved = structuredClone(value)
      reserved.networks.home.dhcp.reservations.push(reservation)
      check(addReservation(text, 'home', reservation), reserved)

      const deny = [...(value.firewall?.deny ?? []), { ...PAUSE, source: at }]
      const paused = pauseDevice(text, 'home', at)
      check(paused, { ...value, firewall: { deny } })
      if (paused !== undefined) {
        const resumed = parse(resumeDevice(paused, at) ?? paused)
        expect({ ...resumed, firewall: { deny: resumed.firewall?.deny ?? [] } }).toEqual({
          ...value,
          firewall: { deny: value.firewall?.deny ?? [] },
        })
      }

      const [first] = taken
      if (!first) return
      const renamed = structuredClone(value)
      for (const one of renamed.networks.home.dhcp.reservations) if (one.mac === first.mac) one.name = name
      const old = new Set(taken.filter((one) => one.mac === first.mac).map((one) => one.name))
      for (const one of renamed.firewall?.deny ?? []) if (old.has(one.source)) one.source = name
      check(renameDevice(text, first.mac, name), renamed)

      const moved = structuredClone(value)
      const own = moved.networks.home.dhcp.reservations.find((one) => one.mac === first.mac)
      if (own) own.address = '10.0.0.99'
      check(moveDevice(text, 'home', first.mac, '10.0.0.99'), moved)
    }),
    { numRuns: 400 },
  )
  expect(edits).toBeGreaterThan(800)
})
