import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expectGolden } from '../../../tests/golden.ts'
import type { Network, Router } from '../model.ts'
import { groupsOf, type NftInput, RULE_GROUPS, renderNft } from './nft.ts'
import { enclosing, interfaceId, maskOf, overlapsIpv4, prefixText, sourceIn } from './nft-address.ts'
import { NFT_CASES } from './nft-cases.ts'
import { comment, device, portSet } from './nft-text.ts'

const run = promisify(execFile)
const GOLDEN = join(import.meta.dirname, 'golden/nft')

let scratch = ''
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'sekisho-nft-'))
})
afterAll(() => rm(scratch, { recursive: true, force: true }))

/** Loads a ruleset into an empty network namespace, `times` over, and returns what nft then lists. */
async function load(text: string, times = 1): Promise<string> {
  const file = join(scratch, 'sekisho.nft')
  await writeFile(file, text)
  const script = 'for i in $(seq "$2"); do nft -f "$1" || exit 1; done; nft -s list ruleset'
  const { stdout } = await run('unshare', ['--net', 'sh', '-c', script, 'sh', file, `${times}`])
  return stdout
}

describe('golden rulesets', () => {
  test('of every case', async () => {
    const files = Object.entries(NFT_CASES).map(([name, input]) => [`${name}/sekisho.nft`, renderNft(input)])
    await expectGolden(GOLDEN, Object.fromEntries(files))
  })

  test.for(Object.entries(NFT_CASES))('%s loads, and again', async ([, input]) => {
    const text = renderNft(input)
    const listed = await load(text)
    expect(listed.match(/^table /gm)).toHaveLength(1)
    expect(await load(text, 3), 'loading again changes nothing').toBe(listed)
  })

  test('needs no file of names', () => {
    // A minimal Debian has no /etc/protocols and /etc/services (netbase): what nft would look up there fails.
    const names = Object.values(NFT_CASES).flatMap((input) =>
      [...renderNft(input).matchAll(/l4proto \{?([^}]*?)\}? (?:th|ct|counter|jump|accept)/g)].flatMap((m) =>
        (m[1] ?? '').split(',').map((n) => n.trim()),
      ),
    )
    expect([...new Set(names)].sort()).toEqual(['icmpv6', 'tcp', 'udp'])
  })
})

describe('a ruleset', () => {
  const text = renderNft(NFT_CASES.office)

  test('is one transaction on one table', () => {
    expect(text).not.toMatch(/flush/)
    expect(text.match(/^(add|delete)? ?table .*$/gm)).toEqual([
      'add table inet sekisho',
      'delete table inet sekisho',
      'table inet sekisho {',
    ])
  })

  test('leaves other tables alone', async () => {
    const file = join(scratch, 'beside.nft')
    await writeFile(file, text)
    const docker = 'table ip nat { chain DOCKER { ip daddr 192.0.2.1 return; }; }'
    const script =
      'nft "$2" && nft list table ip nat > "$3" && nft -f "$1" && nft list table ip nat | cmp - "$3"'
    await run('unshare', ['--net', 'sh', '-c', script, 'sh', file, docker, join(scratch, 'before')])
  })

  test('names a module or a section, and a reason, on every rule', () => {
    const rules = text
      .split('\n')
      .filter((line) => /^ {4}\S/.test(line) && !/^ {4}(type|flags|elements|})/.test(line))
    expect(rules.length).toBeGreaterThan(100)
    for (const line of rules) expect(line).toMatch(/ comment "[a-z._]+: .+"$/)
  })

  test('counts what it drops', () => {
    for (const line of text
      .split('\n')
      .filter((l) => /\b(drop|reject)\b.* comment/.test(l) && !/(goto|log) /.test(l)))
      expect(line).toContain('counter ')
  })

  test('costs the same look-ups with one network and with ten, but that a few are compared', () => {
    const base = (t: string) => t.slice(t.indexOf('chain forward {'), t.indexOf('chain output {'))
    const [few, many] = [base(renderNft(NFT_CASES.home)), base(renderNft(NFT_CASES.many))]
    const shortCut = /^ .*(known|new) flows, from .*\n/gm
    expect(many.replaceAll(shortCut, '')).toBe(few.replaceAll(shortCut, ''))
    expect([few.match(shortCut)?.length, many.match(shortCut)?.length]).toEqual([3, 3])
    expect(many).toContain('iifname . ip saddr & 255.255.255.0 @networks_24')
  })

  test('uses every group somewhere, and each can be taken away', async () => {
    const used = new Set(Object.values(NFT_CASES).flatMap((input) => [...groupsOf(input)]))
    expect([...used].sort()).toEqual([...RULE_GROUPS].sort())
    const office = NFT_CASES.office
    for (const group of groupsOf(office)) {
      const less = renderNft({ ...office, without: group })
      expect(less.length, group).toBeLessThan(text.length)
    }
    await load(renderNft({ ...office, without: 'zones' }))
    expect(renderNft({ ...office, without: 'default-deny' })).not.toContain('policy drop')
  })
})

describe('what comes from outside', () => {
  test('a comment ends neither the string nor the line, and fits', () => {
    expect(comment('core', 'a "; flush ruleset; "\n# \\')).toBe('"core: a ; flush ruleset; #"')
    expect(Buffer.byteLength(comment('core', '門'.repeat(100)))).toBeLessThanOrEqual(130)
    expect(comment('core', '門'.repeat(100))).toMatch(/^"core: 門+"$/)
  })

  test('what is no name, port or address is refused', () => {
    for (const name of ['', 'eth*', 'a b', 'x"', '-x', 'a'.repeat(16)]) expect(() => device(name)).toThrow()
    for (const text of ['', '10.0.0.0/33', '10.0.0.1; drop', '::/129', '10.0.0.0/', '::1%eth0 x'])
      expect(() => prefixText(text), text).toThrow()
    const opening = { from: 'home', protocol: 'tcp', port: Number.NaN, why: '' } as const
    expect(() => renderNft({ ...NFT_CASES.home, openings: [{ owner: 'x', opening }] })).toThrow('not a port')
  })

  test('hostile words load and stay comments', async () => {
    const plain = rules(await load(renderNft(withWhy('words'))))
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string({ unit: 'binary', maxLength: 200 }),
          fc.string({
            unit: fc.constantFrom(
              '"',
              '\\',
              '\n',
              '\r',
              '{',
              '}',
              ';',
              '#',
              '$',
              "'",
              ' ',
              'x',
              '\0',
              '\u2028',
            ),
          }),
          fc.constant('" accept\n}\nflush ruleset\n#'),
        ),
        async (why) => {
          expect(rules(await load(renderNft(withWhy(why))))).toEqual(plain)
        },
      ),
      { numRuns: 25 },
    )
  }, 60_000)

  function withWhy(why: string): NftInput {
    const { router } = NFT_CASES.home
    return {
      router: {
        ...router,
        firewall: { ...router.firewall, allow: [{ from: 'home', to: 'router', protocol: 'tcp', why }] },
      },
      openings: [{ owner: 'x', opening: { from: 'networks', protocol: 'udp', port: 9, why } }],
    }
  }
  function rules(listing: string): string[] {
    return listing.split('\n').map((line) => line.replace(/ comment ".*"$/, ''))
  }
})

describe('values', () => {
  test('ports are sorted and merged', () => {
    expect(portSet([{ from: 80, to: 80 }])).toBe('80')
    expect(
      portSet([
        { from: 90, to: 95 },
        { from: 80, to: 80 },
        { from: 81, to: 92 },
      ]),
    ).toBe('80-95')
  })

  test('the interface identifier is the low half', () => {
    expect(interfaceId('::1c2d:3eff:fe4f:5a6b')).toBe('::1c2d:3eff:fe4f:5a6b')
    expect(interfaceId('2001:db8:1:2:3:4:5:6')).toBe('::3:4:5:6')
    expect(interfaceId('2001:DB8::5')).toBe('::0:0:0:5')
    expect(interfaceId('::ffff:192.0.2.1')).toBe('::0:ffff:c000:201')
    expect(interfaceId('2001:db8:1:2:3::')).toBe('::3:0:0:0')
    expect(() => interfaceId('10.0.0.1')).toThrow()
  })

  test('prefixes overlap or not', () => {
    expect(overlapsIpv4('10.0.0.0/24', '10.0.0.255')).toBe(true)
    expect(overlapsIpv4('10.0.0.0/24', '10.0.1.0/24')).toBe(false)
    expect(overlapsIpv4('198.51.100.2/24', '198.51.100.1/32')).toBe(true)
    expect(overlapsIpv4('0.0.0.0/0', '255.255.255.255')).toBe(true)
  })
})

describe('any valid router', () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,11}$/)
  const port = fc.integer({ min: 1, max: 65535 })
  const range = fc.tuple(port, port).map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) }))
  const transport = fc.constantFrom('tcp' as const, 'udp' as const, 'tcp+udp' as const)
  const why = fc.option(fc.string({ unit: 'grapheme', maxLength: 80 }), { nil: undefined })

  const networks = fc
    .uniqueArray(name, { minLength: 1, maxLength: 5 })
    .map((names) => names.filter((n) => !['wan', 'router', 'containers', 'any', 'all', 'lo'].includes(n)))
    .filter((names) => names.length > 0)
    .chain((names) =>
      fc.tuple(
        ...names.map((n, i) =>
          fc.record({ bridged: fc.boolean(), ssh: fc.boolean(), vlan: fc.boolean() }).map(
            ({ bridged, ssh, vlan }): Network => ({
              name: n,
              device: bridged ? `br-${n}` : vlan ? `lan${i}.${i + 10}` : `lan${i}`,
              bridged,
              members: [{ port: `lan${i}`, device: `lan${i}` }],
              subnetId: i + 1,
              address: `10.${i}.0.1`,
              prefixLength: 16,
              prefix: `10.${i}.0.0/16`,
              broadcast: `10.${i}.255.255`,
              routerAccess: ssh ? ['ssh', 'ping'] : [],
            }),
          ),
        ),
      ),
    )

  const input: fc.Arbitrary<NftInput> = networks.chain((nets) => {
    const zone = fc.constantFrom(...nets.map((n) => n.name), 'wan', 'containers')
    const target = fc.constantFrom(...nets.map((n) => n.name), 'router', 'containers')
    const ports = fc.option(fc.array(range, { minLength: 1, maxLength: 4 }), { nil: undefined })
    const source = fc.option(fc.constantFrom('198.51.100.0/24', '192.0.2.9'), { nil: undefined })
    const allow = fc
      .record({ from: zone, to: target, protocol: transport, ports, why, source6: fc.boolean() })
      .map(({ source6, ...rest }) => ({ ...rest, source: source6 ? '2001:db8::/32' : undefined }))
    const broad = fc.record({
      from: zone,
      to: target,
      protocol: fc.constantFrom('icmp' as const, 'any' as const),
      why,
    })
    const host = fc.integer({ min: 2, max: 250 })
    const forward = fc
      .record({
        port: range,
        protocol: transport,
        net: fc.nat(nets.length - 1),
        host,
        to_port: fc.option(port, { nil: undefined }),
        source,
        why,
      })
      .map(({ net, host, ...rest }) => ({ ...rest, to: `10.${net}.7.${host}` }))
    const pinhole = fc.record({
      network: fc.constantFrom(...nets.map((n) => n.name)),
      interface_id: fc.ipV6().filter((a) => !a.includes('%')),
      protocol: transport,
      ports: fc.array(range, { minLength: 1, maxLength: 3 }),
      why,
    })
    const opening = fc.record({
      owner: name,
      opening: fc.record({
        from: fc.constantFrom('networks', 'wan', ...nets.map((n) => n.name)),
        protocol: fc.constantFrom('tcp' as const, 'udp' as const),
        port,
        published: fc.boolean(),
        why: fc.string({ maxLength: 100 }),
      }),
    })
    const deny = fc.record({
      from: fc.constantFrom('wan', 'containers', ...nets.map((n) => n.name)),
      to: fc.constantFrom(undefined, 'wan', 'router', 'containers'),
      protocol: fc.constantFrom('tcp' as const, 'udp' as const, 'tcp+udp' as const),
      ports: fc.option(fc.array(range, { minLength: 1, maxLength: 4 }), { nil: undefined }),
      source: fc.option(fc.oneof(fc.ipV4(), fc.constant('02:00:5E:10:00:01')), { nil: undefined }),
      why,
    })
    return fc
      .record({
        deny: fc.array(deny, { maxLength: 4 }),
        allow: fc.array(fc.oneof(allow, broad), { maxLength: 5 }),
        forwards: fc.array(forward, { maxLength: 4 }),
        pinholes: fc.array(pinhole, { maxLength: 3 }),
        openings: fc.array(opening, { maxLength: 5 }),
        block_private: fc.constantFrom('auto' as const, true, false),
        mtu: fc.constantFrom(1500, 1454, 1280),
        still: fc.boolean(),
      })
      .map(({ deny, allow, forwards, pinholes, openings, block_private, mtu, still }): NftInput => {
        const common = { interface: 'wan0', block_private, ipv6: 'auto' as const }
        // fast-check builds the union's members; the cast drops keys that are undefined, as the parser would.
        const firewall: Router['firewall'] = JSON.parse(JSON.stringify({ deny, allow, forwards, pinholes }))
        return {
          openings,
          router: {
            ...NFT_CASES.home.router,
            networks: nets,
            firewall,
            wan: {
              ...NFT_CASES.home.router.wan,
              mtu,
              config: still
                ? { mode: 'static', ...common, address: '192.168.1.2/24', gateway: '192.168.1.1', dns: [] }
                : { mode: 'dhcp', ...common },
            },
          },
        }
      })
  })

  test('gives a ruleset that loads, the same each time', async () => {
    await fc.assert(
      fc.asyncProperty(input, async (value) => {
        const text = renderNft(value)
        expect(renderNft(structuredClone(value))).toBe(text)
        await load(text)
      }),
      { numRuns: 40 },
    )
  }, 120_000)
})

describe('addresses for the short cut', () => {
  test('a mask says the same as a prefix', () => {
    expect(sourceIn('10.0.0.0/24')).toBe('ip saddr & 255.255.255.0 == 10.0.0.0')
    expect(sourceIn('192.168.96.0/19', '!=')).toBe('ip saddr & 255.255.224.0 != 192.168.96.0')
    expect(maskOf('203.0.113.7')).toEqual({ mask: '255.255.255.255', first: '203.0.113.7' })
    expect(maskOf('0.0.0.0/0')).toEqual({ mask: '0.0.0.0', first: '0.0.0.0' })
  })

  test('what encloses networks is one prefix for each first octet, and covers them', () => {
    expect(enclosing(['10.0.0.0/24', '172.30.0.0/16', '10.0.9.0/24'])).toEqual([
      '10.0.0.0/20',
      '172.30.0.0/16',
    ])
    expect(enclosing(['192.168.1.1/32'])).toEqual(['192.168.1.1/32'])
    const byte = fc.integer({ min: 0, max: 255 })
    const prefix = fc
      .tuple(byte, byte, byte, byte, fc.integer({ min: 8, max: 32 }))
      .map(([a, b, c, d, length]) => `${maskOf(`${a}.${b}.${c}.${d}/${length}`).first}/${length}`)
    fc.assert(
      fc.property(fc.array(prefix, { minLength: 1, maxLength: 12 }), (prefixes) => {
        const wide = enclosing(prefixes)
        const octets = new Set(prefixes.map((text) => text.split('.')[0]))
        expect(wide).toHaveLength(octets.size)
        for (const text of prefixes) {
          const [address = '', length = ''] = text.split('/')
          const around = wide.filter((other) => {
            const size = other.split('/')[1] ?? ''
            return (
              Number(size) <= Number(length) && maskOf(`${address}/${size}`).first === other.split('/')[0]
            )
          })
          expect(around, text).toHaveLength(1)
        }
      }),
    )
  })
})
