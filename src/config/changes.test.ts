import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseDocument } from 'yaml'
import { configChanges } from './changes.ts'
import { configOf } from './config-of.ts'
import { RouterConfig } from './schema.ts'

const HOME = {
  version: 1,
  hostname: 'gate',
  wan: { interface: 'wan0', mode: 'dhcp' },
  networks: {
    home: { interfaces: ['lan0'], address: '10.0.0.1/24', subnet_id: 1 },
    guest: {
      interfaces: ['lan1'],
      address: '10.0.1.1/24',
      subnet_id: 2,
      dhcp: { pools: ['10.0.1.129 - 10.0.1.254'] },
    },
  },
  firewall: { forwards: [{ port: 443, to: '10.0.0.20', why: 'web' }] },
  modules: { unbound: { cache_bytes: 67_108_864, forward_to: ['192.0.2.1'] }, kea: null },
}

/** What is said when HOME becomes `edited`. */
function said(edit: (document: ReturnType<typeof parseDocument>) => void): string[] {
  const document = parseDocument(JSON.stringify(HOME))
  edit(document)
  const changes = configChanges(RouterConfig.parse(HOME), RouterConfig.parse(document.toJS()))
  return changes.map(({ kind, says }) => `${{ added: '+', removed: '-', changed: '~' }[kind]} ${says}`)
}

describe('in words', () => {
  it.each<[string, (document: ReturnType<typeof parseDocument>) => void, string[]]>([
    ['nothing', () => {}, []],
    [
      'a network renumbered',
      (file) => {
        file.setIn(['networks', 'guest', 'address'], '10.0.5.1/24')
        file.setIn(['networks', 'guest', 'dhcp', 'pools'], ['10.0.5.129 - 10.0.5.254'])
      },
      [
        '~ network guest: address 10.0.1.1/24 → 10.0.5.1/24',
        '~ network guest: DHCP pools 10.0.1.129 - 10.0.1.254 → 10.0.5.129 - 10.0.5.254',
      ],
    ],
    [
      'a network that goes, and one that comes',
      (file) => {
        file.deleteIn(['networks', 'guest'])
        file.setIn(['networks', 'lab'], {
          interfaces: ['lan1', { name: 'lan0', vlan: 20 }],
          address: '10.0.9.1/24',
          subnet_id: 9,
        })
      },
      [
        '- network guest (10.0.1.1/24 on lan1, DHCP 10.0.1.129 - 10.0.1.254)',
        '+ network lab: 10.0.9.1/24 on lan1, lan0.20, no DHCP',
      ],
    ],
    [
      'a port forward that goes elsewhere, and another',
      (file) =>
        file.setIn(
          ['firewall', 'forwards'],
          [
            { port: 443, to: '10.0.0.21', why: 'web' },
            { port: '6000-6010', protocol: 'udp', to: '10.0.0.22', source: '192.0.2.0/24' },
          ],
        ),
      [
        '~ port 443 of the WAN goes to 10.0.0.21 (web), no longer to 10.0.0.20 (web)',
        '+ UDP ports 6000-6010 of the WAN from 192.0.2.0/24 goes to 10.0.0.22',
      ],
    ],
    [
      'a port forward that goes',
      (file) => file.deleteIn(['firewall']),
      ['- port 443 of the WAN no longer goes to 10.0.0.20 (web)'],
    ],
    [
      'an allow rule and a pinhole',
      (file) => {
        file.setIn(
          ['firewall', 'allow'],
          [{ from: 'guest', to: 'home', protocol: 'tcp', ports: [80], why: 'printer' }],
        )
        file.setIn(['firewall', 'pinholes'], [{ network: 'home', interface_id: '::7', ports: [22, '80-81'] }])
      },
      [
        '+ guest may reach home: tcp port 80 (printer)',
        '+ IPv6 from the Internet to ::7 in home, tcp ports 22, 80-81',
      ],
    ],
    [
      'a reservation',
      (file) =>
        file.setIn(
          ['networks', 'guest', 'dhcp', 'reservations'],
          [{ name: 'tv', mac: '02:00:5e:70:00:02', address: '10.0.1.77' }],
        ),
      ['+ name tv in guest: 10.0.1.77 for 02:00:5e:70:00:02'],
    ],
    [
      'another way to the Internet',
      (file) =>
        file.set('wan', {
          interface: 'wan0',
          mode: 'static',
          address: '192.0.2.2/29',
          gateway: '192.0.2.1',
        }),
      [
        '~ WAN: mode dhcp → static',
        '+ WAN: address 192.0.2.2/29',
        '+ WAN: gateway 192.0.2.1',
        '+ WAN: dns none',
      ],
    ],
    [
      'modules',
      (file) =>
        file.set('modules', {
          unbound: { cache_bytes: 134_217_728, forward_to: ['192.0.2.1', '192.0.2.2'] },
          chrony: { set_clock: false },
        }),
      [
        '~ module unbound: cache_bytes 64 MiB → 128 MiB',
        '~ module unbound: forward_to also 192.0.2.2',
        '- module kea; its data stays',
        '+ module chrony: set_clock false',
      ],
    ],
    [
      'a list of things that nobody has words for here',
      (file) =>
        file.setIn(['modules', 'mine'], {
          rules: [{ from: 'home', ports: ['6000-6010', 25] }, { from: 'guest' }],
        }),
      ['+ module mine: rules from home, ports 6000-6010, 25, from guest'],
    ],
    [
      'names of the router',
      (file) => {
        file.set('hostname', 'gate2')
        file.set('domain', 'example.org')
      },
      ['~ hostname gate → gate2', '~ domain home.arpa → example.org'],
    ],
    [
      'the order of the networks',
      (file) => {
        const home = file.getIn(['networks', 'home'])
        file.deleteIn(['networks', 'home'])
        file.setIn(['networks', 'home'], home)
      },
      ['~ networks: the order is guest, home'],
    ],
  ])('%s', (_, edit, words) => expect(said(edit)).toEqual(words))

  it('what comes to such a list, and what goes from it, has a line of its own', () => {
    const [one, two] = [
      [{ from: 'home' }, { from: 'guest' }],
      [{ from: 'guest' }, { from: 'lab', to: 'wan' }],
    ].map((rules) => RouterConfig.parse({ ...HOME, modules: { mine: { rules } } }))
    if (!one || !two) throw new Error('two files')
    expect(configChanges(one, two).map(({ kind, says }) => `${kind}: ${says}`)).toEqual([
      'removed: module mine: rules from home',
      'added: module mine: rules from lab, to wan',
    ])
  })

  it('everything is new at first', () => {
    expect(configChanges(undefined, RouterConfig.parse(HOME)).map(({ says }) => says)).toEqual([
      'hostname gate',
      'timezone UTC',
      'domain home.arpa',
      'WAN: DHCP on wan0',
      'network home: 10.0.0.1/24 on lan0, no DHCP',
      'network guest: 10.0.1.1/24 on lan1, DHCP 10.0.1.129 - 10.0.1.254',
      'port 443 of the WAN goes to 10.0.0.20 (web)',
      'module unbound: cache_bytes 64 MiB, forward_to 192.0.2.1',
      'module kea',
    ])
  })
})

const EXAMPLES = ['home', 'lab', 'office'].map(
  (name) =>
    parseDocument(
      readFileSync(new URL(`../../examples/${name}.yaml`, import.meta.url), 'utf8'),
    ).toJS() as unknown,
)

/** A file that is an example with some of its leaves, and some keys of modules, put otherwise. */
const config = fc
  .tuple(
    fc.constantFrom(...EXAMPLES, HOME),
    fc.array(fc.tuple(fc.array(fc.nat(9), { minLength: 2, maxLength: 6 }), value()), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('unbound', 'kea', 'mine', 'constructor'), value(), {
      maxKeys: 3,
      noNullPrototype: true,
    }),
  )
  .map(([root, edits, modules]) => {
    const edited = edits.reduce((tree, [picks, put]) => mutate(tree, picks, put), root) as object
    return (
      RouterConfig.safeParse({ ...edited, modules }).data ??
      RouterConfig.parse({ ...(root as object), modules })
    )
  })

function value(): fc.Arbitrary<unknown> {
  return fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 3, withCrossShrink: true },
      fc.constantFrom<unknown[]>('home', 'guest', 'tcp', '10.0.0.9', '10.0.3.1/24', 443, 0, true, null),
      fc.string({ maxLength: 5, unit: 'binary' }),
      fc.array(tie('any'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom('a', 'b', 'forward_to', 'toString', 'from', 'name'), tie('any'), {
        maxKeys: 3,
        noNullPrototype: true,
      }),
    ),
  })).any
}

function mutate(root: unknown, picks: readonly number[], put: unknown): unknown {
  const [pick, ...rest] = picks
  if (pick === undefined || typeof root !== 'object' || root === null) return put
  const keys = Object.keys(root)
  const key = keys[pick % Math.max(1, keys.length)]
  if (key === undefined) return put
  if (Array.isArray(root)) return root.map((item, i) => (String(i) === key ? mutate(item, rest, put) : item))
  return { ...root, [key]: mutate((root as Record<string, unknown>)[key], rest, put) }
}

/** Paths of what is no mapping, with what stands there; a module without settings is one with none. */
function leaves(root: unknown, path: readonly string[] = []): [string, unknown][] {
  if (root === null && path.length === 2 && path[0] === 'modules') return [[JSON.stringify(path), {}]]
  if (typeof root !== 'object' || root === null || Array.isArray(root)) return [[JSON.stringify(path), root]]
  const keys = Object.keys(root)
  if (keys.length === 0) return [[JSON.stringify(path), {}]]
  return keys.flatMap((key) => leaves((root as Record<string, unknown>)[key], [...path, key]))
}

function differing(before: unknown, after: unknown): string[][] {
  const [one, two] = [new Map(leaves(before)), new Map(leaves(after))]
  return [...new Set([...one.keys(), ...two.keys()])]
    .filter(
      (path) =>
        one.has(path) !== two.has(path) || JSON.stringify(one.get(path)) !== JSON.stringify(two.get(path)),
    )
    .map((path) => JSON.parse(path) as string[])
}

describe('of any two files', { timeout: 60_000 }, () => {
  const isPrefix = (short: readonly string[], long: readonly string[]) =>
    short.every((part, i) => part === long[i])

  it('there is no change exactly when nothing differs', () => {
    fc.assert(
      fc.property(config, config, (before, after) => {
        expect(configChanges(before, structuredClone(before))).toEqual([])
        const changes = configChanges(before, after)
        if (differing(before, after).length > 0) expect(changes.length).toBeGreaterThan(0)
        if (changes.length === 0) expect(differing(before, after)).toEqual([])
      }),
      { numRuns: 300 },
    )
  })

  it('every leaf that differs is named by a change, on one line each', () => {
    fc.assert(
      fc.property(config, config, (before, after) => {
        const changes = configChanges(before, after)
        for (const leaf of differing(before, after))
          expect(
            changes.some(({ path }) => isPrefix(path, leaf) || isPrefix(leaf, path)),
            leaf.join('.'),
          ).toBe(true)
        for (const { says } of changes) expect(says).toMatch(/^\P{C}+$/u)
      }),
      { numRuns: 300 },
    )
  })

  it('the way back names the same places', () => {
    const places = (from: RouterConfig, to: RouterConfig) =>
      new Set(configChanges(from, to).map(({ path }) => JSON.stringify(path)))
    fc.assert(
      fc.property(config, config, (before, after) => {
        expect(places(before, after)).toEqual(places(after, before))
      }),
      { numRuns: 100 },
    )
  })
})

describe('a secret that a module has in the file itself', () => {
  const key = fc.constantFrom('password', 'api_key', 'wifi_passphrase', 'auth_token', 'client_secret', 'psk')
  const nested = fc.constantFrom<(key: string, secret: unknown) => unknown>(
    (name, secret) => ({ [name]: secret }),
    (name, secret) => ({ inner: { [name]: secret, other: 1 } }),
    (name, secret) => ({ list: [{ [name]: secret }, { [name]: 'x' }] }),
    (name, secret) => ({ [name]: { deep: secret } }),
    (name, secret) => ({ [name]: [secret, 'y'] }),
    (_, secret) => ({ url: `https://user:${JSON.stringify(secret)}@example.org/` }),
  )
  const secret = fc.stringMatching(/^[a-z]{12}$/).map((text) => `zq${text}qz`)
  const file = (modules: object) => RouterConfig.parse({ ...HOME, modules })

  it('is never shown, whether it comes, goes or changes', () => {
    fc.assert(
      fc.property(key, nested, secret, secret, (name, shape, one, two) => {
        const states = [file({}), file({ mine: shape(name, one) }), file({ mine: shape(name, two) })]
        for (const before of states)
          for (const after of states)
            expect(JSON.stringify(configChanges(before, after))).not.toMatch(/zq|qz/)
      }),
    )
  })

  it('the name of a file that holds one is', () => {
    const changes = configChanges(file({}), file({ mine: { password_file: '/etc/sekisho/secrets/mine' } }))
    expect(changes[0]?.says).toBe('module mine: password_file /etc/sekisho/secrets/mine')
  })
})

describe('configOf', () => {
  it('reads a router.yaml, and says nothing of what is none', () => {
    expect(configOf(JSON.stringify(HOME))?.hostname).toBe('gate')
    for (const text of ['', 'version: 1', '{', 'a: [', '\0']) expect(configOf(text)).toBeUndefined()
  })
})
