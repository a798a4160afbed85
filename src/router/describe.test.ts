import { stripVTControlCharacters } from 'node:util'
import { expect, describe as group, it } from 'vitest'
import type { Change } from '../config/changes.ts'
import { describe, describeJson } from './describe.ts'
import type { Plan } from './plan/plan.ts'
import type { Step } from './plan/step.ts'

const CHANGES: readonly Change[] = [
  {
    path: ['networks', 'guest', 'address'],
    kind: 'changed',
    says: 'network guest: address 10.0.1.1/24 → 10.0.5.1/24',
  },
  {
    path: ['firewall', 'forwards', 'x'],
    kind: 'added',
    says: 'port 443 of the WAN goes to 10.0.0.20 (web)',
  },
  { path: ['modules', 'kea'], kind: 'removed', says: 'module kea; its data stays' },
]

const LINKS = { netdevs: [], devices: [], delegated: {}, sets: { address: [], mtu: [] }, wanted: [] }
const common = { owner: 'core', impact: 'none' } as const
const STEPS: readonly Step[] = [
  {
    ...common,
    do: 'file',
    path: 'sekisho.nft',
    before: 'a\nb\n',
    after: 'a\nc\n',
    says: 'changes sekisho.nft',
  },
  {
    ...common,
    do: 'file',
    path: 'modules/dns/key',
    before: 'hush',
    after: 'hush hush',
    secret: true,
    owner: 'dns',
    says: 'changes modules/dns/key',
  },
  { ...common, do: 'current', before: 1, after: 2, says: 'generation 2 becomes current' },
  {
    ...common,
    do: 'networkd',
    before: LINKS,
    after: LINKS,
    changed: ['lan1'],
    mended: [],
    zones: { lan1: 'guest' },
    found: {},
    impact: 'reconnect',
    says: 'reconfigures lan1; every other link is left alone',
    notices: ['guest pauses for about a second'],
  },
]

const NOTHING: Plan = {
  from: 1,
  to: 2,
  changes: [],
  drift: [],
  unfinished: false,
  steps: [],
  limited: false,
  kept: [],
  blockers: [],
}

group('a plan in words', () => {
  it('says what router.yaml changes, then what the machine does and what one notices', () => {
    expect(describe({ ...NOTHING, changes: CHANGES, steps: STEPS })).toBe(`From generation 1 to 2:

  ~ network guest: address 10.0.1.1/24 → 10.0.5.1/24
  + port 443 of the WAN goes to 10.0.0.20 (web)
  - module kea; its data stays

On the machine:

  writes 2 files ("--full" shows them)
  generation 2 becomes current
  reconfigures lan1; every other link is left alone
      → guest pauses for about a second

Connections over guest may pause for some seconds; what forwards elsewhere is not touched.
Hosts of guest keep their old addresses until they ask anew: reconnect them.
`)
  })

  it('in full has every file, with its lines, and no secret', () => {
    const text = describe({ ...NOTHING, changes: CHANGES, steps: STEPS }, { full: true })
    expect(text).toContain('  changes sekisho.nft\n      @@ -1,2 +1,2 @@\n       a\n      -b\n      +c\n')
    expect(text).toContain('  dns: changes modules/dns/key\n      (secret)\n')
    expect(text).not.toContain('hush')
  })

  it('drives no terminal, whatever somebody wrote into a file', () => {
    const before = 'a\n\t\u001b[2J\u202e\n'
    const steps: Step[] = [{ ...common, do: 'file', path: 'x', before, after: 'a\n', says: 'restores x' }]
    expect(describe({ ...NOTHING, steps }, { full: true })).toContain('      -\t\\x1b[2J\\u{202e}\n')
  })

  it('says what was changed by hand, with the rules that came and went', () => {
    const drift = [
      {
        what: 'firewall' as const,
        name: 'inet sekisho',
        says: 'rules of the firewall table were changed',
        lines: ['+ chain input: tcp dport 9 accept'],
      },
    ]
    const steps: Step[] = [
      {
        ...common,
        do: 'firewall',
        before: true,
        after: true,
        says: 'reloads the firewall table, which was changed by hand',
      },
    ]
    const text = describe({ ...NOTHING, to: 1, drift, steps })
    expect(text).toContain(`Changed by hand since generation 1; apply repairs it:

  ! rules of the firewall table were changed
      + chain input: tcp dport 9 accept

On the machine:

  reloads the firewall table, which was changed by hand

Forwarding goes on without a pause.
`)
    expect(describe({ ...NOTHING, to: 1, drift, steps, unfinished: true })).toMatch(
      /^The last apply did not end/,
    )
  })

  it('fits into the terminal, in colours or without', () => {
    const changes: Change[] = [{ path: ['x'], kind: 'added', says: `guest ${'may reach home '.repeat(12)}` }]
    const plan = { ...NOTHING, changes, steps: STEPS }
    const [plain, colored] = [false, true].map((color) => describe(plan, { color, width: 60 }))
    for (const line of plain?.split('\n') ?? []) expect(line.length).toBeLessThanOrEqual(60)
    expect(colored).toContain('\u001b[')
    expect(stripVTControlCharacters(colored ?? '')).toBe(plain)
  })

  it('says that there is nothing to do', () => {
    expect(describe({ ...NOTHING, to: 1 })).toBe('Nothing to do: the machine is what router.yaml says.\n')
  })
})

it('programs get changes, drift and steps with their notices, and no contents', () => {
  const json = JSON.stringify(describeJson({ ...NOTHING, changes: CHANGES, steps: STEPS }))
  expect(JSON.parse(json)).toMatchObject({
    pending: true,
    changes: CHANGES,
    drift: [],
    steps: expect.arrayContaining([
      expect.objectContaining({ do: 'networkd', notices: ['guest pauses for about a second'] }),
    ]),
    outcome: expect.stringContaining('guest may pause'),
  })
  expect(json).not.toContain('hush')
  expect(JSON.parse(JSON.stringify(describeJson({ ...NOTHING, to: 1 })))).toMatchObject({
    pending: false,
    changes: [],
    steps: [],
    outcome: null,
  })
})
