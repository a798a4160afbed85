import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { importedYaml } from '../../tests/imported.ts'
import { parse as parseRouter } from '../config/parse.ts'
import { withoutComments } from './json-source.ts'
import { type Noted, textOf } from './noted.ts'

/*
 * Whatever the files of the old router hold: a router.yaml that passes the check, or issues with a fix; never an
 * exception; and what they hold is never more than a value or a comment of the YAML.
 */

const NETWORK =
  '{"network": {"internal_gateway": "10.0.0.1", "subnet": "10.0.0.0/24"}, "dhcp": {"interfaces": ["enp2s0"], "pools": ["10.0.0.129 - 10.0.0.254"]}}'
const CONFIG = { file: 'config.json', text: NETWORK }

async function survives(from: Parameters<typeof importedYaml>[0]): Promise<void> {
  const { imported, settled } = await importedYaml({ config: CONFIG, ...from }, { wan: 'wan0' })
  const issues = imported.kind === 'broken' ? imported.issues : settled?.ok === false ? settled.issues : []
  for (const { message, fix } of issues) {
    expect(message.trim()).not.toBe('')
    expect(fix.trim()).not.toBe('')
  }
  if (imported.kind === 'broken') expect(issues).not.toEqual([])
  if (!settled?.ok || imported.kind !== 'router') return
  expect(parseRouter(settled.text, 'router.yaml').issues).toEqual([])
  const keys = ['version', 'hostname', 'timezone', 'ula_prefix', 'wan', 'networks', 'firewall', 'modules']
  const value: object = parse(settled.text)
  expect(Object.keys(value).filter((key) => !keys.includes(key))).toEqual([])
  const shown = `${settled.text}${JSON.stringify(imported.book.report)}`
  expect(shown.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u)
}

/** Any text, with signs that mean something to YAML, to a shell and to a terminal. */
const nasty = fc.oneof(
  fc.string({ maxLength: 40, unit: 'binary' }),
  fc.constantFrom(
    '\n',
    '\r',
    '\\',
    '"',
    "'",
    ' #',
    ': ',
    '- ',
    '\u2028',
    '\x1b[2J',
    '%',
    '*a',
    '&a',
    '!!',
    '`',
    '$(reboot)',
    '\0',
    '\u202e',
  ),
)
const soup = (words: readonly string[]) =>
  fc
    .array(fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...words) }, { weight: 1, arbitrary: nasty }), {
      maxLength: 60,
    })
    .map((parts) => parts.join(' ').replaceAll(' \n ', '\n'))

const IPTABLES =
  `*nat *filter *mangle COMMIT \n \n \n :INPUT :FORWARD :X DROP ACCEPT - -A -I INPUT FORWARD PREROUTING POSTROUTING X Y DOCKER -i -o ! enp2s0
 wan0 ppp0 lo eth+ docker0 -p tcp udp icmp 47 all -s -d 10.0.0.0/24 10.0.0.7 0.0.0.0/0 198.51.100.7,10.0.0.9 --dport --dports 22 80,443 1:1024
 -m state --state NEW,ESTABLISHED INVALID DNAT conntrack --ctstate multiport comment --comment "x" -j RETURN DROP REJECT DNAT --to-destination
 10.0.0.20:80 MASQUERADE LOG -g mac --mac-source 02:00:5e:10:00:01 addrtype --dst-type LOCAL --icmp-type echo-request 3`.split(
    /[ ]+|(?<=\n)/,
  )
const SQL =
  `INSERT INTO lease4 \`lease4\` VALUES ( ) , ; 167772304 0x02005E300001 X'02' NULL 4000 '2037-01-08 04:00:00' 'laptop' _binary '\\0\\'' 1 0 -- # /* */
 CREATE TABLE address hwaddr PRIMARY KEY "`.split(/[ \n]+/)
const INTERFACES =
  `auto iface \n \n enp2s0 enp3s0 eth0.20 br0 inet inet6 static dhcp ppp manual address 10.0.0.1/24 10.0.5.1 netmask 255.255.255.0 gateway
 192.0.2.1 bridge_ports none provider dsl up post-up source mtu 1454 hwaddress ether 02:00:5e:10:00:01 dns-nameservers \\`.split(
    /[ ]+|(?<=\n)/,
  )
const PEERS =
  `plugin rp-pppoe.so \n user "a b" nic-eth0 eth0 mtu 1454 pty "pppoe -I eth0" lcp-echo-interval 20 # * secret @/etc/x password`.split(
    /[ ]+/,
  )
const CONF =
  `server: forward-zone: \n name: "." forward-addr: 192.0.2.53 port: 53 private-domain: example.org msg-cache-size: 4m local-data: # root-hints: /x`.split(
    /[ ]+/,
  )
const FLUENT =
  `<source> </source> \n @type forward port 5514 <match x> </match> s3 s3_bucket home aws_key_id K aws_sec_key S s3_region r netflow`.split(
    /[ ]+/,
  )

const runs = { numRuns: process.env.SEKISHO_FULL ? 3000 : 80 }

describe('any text', () => {
  const source = (file: string, text: string) => ({ file, text })
  it.each<[string, readonly string[], (text: string) => Parameters<typeof importedYaml>[0]]>([
    ['iptables', IPTABLES, (text) => ({ iptables: source('iptables', text) })],
    [
      'iptables in its tables',
      IPTABLES,
      (text) => ({
        iptables: source(
          'iptables',
          `*nat\n${text}\nCOMMIT\n*filter\n${text}\nCOMMIT\n`.replaceAll(/^COMMIT\n(?=[^*])/gm, ''),
        ),
      }),
    ],
    ['interfaces', INTERFACES, (text) => ({ interfaces: [source('interfaces', text)] })],
    [
      'ppp',
      PEERS,
      (text) => ({ peers: [source('peers/x', text)], chapSecrets: source('chap-secrets', text) }),
    ],
    ['unbound.conf', CONF, (text) => ({ unbound: source('unbound.conf', text) })],
    ['fluent.conf', FLUENT, (text) => ({ fluent: source('fluent.conf', text) })],
    [
      'rsyslog',
      ['*.*', '@127.0.0.1:5514', '@@x', '\n', '\\'],
      (text) => ({ rsyslog: [source('10.conf', text)] }),
    ],
    [
      'docker-compose.yml',
      ['services:', '\n', '  a:', '{', '}', '*x', '&x', ': '],
      (text) => ({ compose: source('docker-compose.yml', text) }),
    ],
    ['a dump', SQL, (text) => ({ dumps: [{ file: 'x.sql', bytes: Buffer.from(text, 'latin1') }] })],
    ['hostname', ['gate', '.', '\n', '#'], (text) => ({ hostname: source('etc/hostname', text) })],
  ])('as %s', async (_, words, from) => {
    await fc.assert(
      fc.asyncProperty(soup(words), (text) => survives(from(text))),
      runs,
    )
  })

  it('as config.json and as kea-config.json', async () => {
    const json = fc.oneof(
      fc.json({ maxDepth: 3 }),
      soup([
        '{',
        '}',
        '[',
        ']',
        '"network"',
        '"dhcp"',
        ':',
        ',',
        '"s3"',
        '"key"',
        '"Dhcp4"',
        '"subnet4"',
        '1',
        '"x"',
        '//',
        '/*',
        '*/',
        '\n',
        '\t',
      ]),
      fc.record({ key: nasty, secret: nasty, region: nasty, bucket_name: nasty }).map((s3) =>
        JSON.stringify({
          ...(JSON.parse(NETWORK) as object),
          s3,
          mackerel: { api_key: s3.key },
          monitor: { interface: s3.region },
        }),
      ),
      fc.tuple(nasty, nasty, nasty).map(([a, b, c]) =>
        JSON.stringify({
          Dhcp4: {
            'option-data': [{ name: a, data: b }],
            subnet4: [
              {
                subnet: '10.0.0.0/24',
                pools: [{ pool: a }],
                reservations: [{ 'hw-address': b, 'ip-address': c, hostname: a }],
              },
            ],
          },
        }),
      ),
    )
    await fc.assert(
      fc.asyncProperty(json, async (text) => {
        await survives({ config: source('config.json', text) })
        await survives({ kea: source('kea-config.json', text) })
      }),
      runs,
    )
  })

  it('names of ports and users that mean something to YAML', async () => {
    await fc.assert(
      fc.asyncProperty(nasty, nasty, async (a, b) => {
        const user = `user "${a.replaceAll(/["\\]/g, '')}"\nrp_pppoe_service '${b.replaceAll(/['\\]/g, '')}'`
        await survives({ peers: [source('peers/x', `plugin rp-pppoe.so eth0\n${user}\n`)] })
      }),
      runs,
    )
  })
})

describe('time', () => {
  it.each([
    ['comments that do not end', '/*'.repeat(100_000)],
    ['quotes that do not end', '"\\"'.repeat(60_000)],
    ['brackets', '['.repeat(50_000)],
  ])('JSON with %s', async (_, text) => {
    withoutComments(text)
    await survives({ kea: { file: 'kea-config.json', text } })
  })

  it('chains that lead to each other', async () => {
    const chains = Array.from(
      { length: 30 },
      (_, i) => `-A C${i} -j C${(i + 1) % 30}\n-A C${i} -j C${(i + 2) % 30}\n`,
    ).join('')
    const text = `*filter\n${chains}-A INPUT -j C0\n-A FORWARD -j C0\n-A INPUT -j ACCEPT\nCOMMIT\n`
    await survives({ iptables: { file: 'iptables', text } })
  })

  it('a thousand rules that all matter', async () => {
    const rules = Array.from(
      { length: 998 },
      (_, i) => `-A INPUT -s 10.0.0.${i % 250} -p tcp --dport ${i + 1} -j ${i % 2 ? 'DROP' : 'ACCEPT'}\n`,
    )
    await survives({
      iptables: { file: 'iptables', text: `*filter\n:INPUT DROP\n${rules.join('')}COMMIT\n` },
    })
  })

  it('a dump of a megabyte that is nearly one', async () => {
    for (const part of ["(1,'", '/*', '((((', "'\\''", '`'])
      await survives({
        dumps: [
          {
            file: 'x.sql',
            bytes: Buffer.from(`INSERT INTO lease4 VALUES ${part.repeat(1_000_000 / part.length)}`),
          },
        ],
      })
  })
})

describe('the YAML of noted values', () => {
  const key = fc.constantFrom('a', 'b', 'c')
  const tree = fc.letrec<{ node: Noted }>((tie) => ({
    node: fc.record(
      {
        of: fc.oneof(
          { maxDepth: 3 },
          nasty,
          fc.integer(),
          fc.boolean(),
          fc.array(tie('node'), { maxLength: 3 }),
          fc.dictionary(key, tie('node'), { maxKeys: 3, noNullPrototype: true }),
        ),
        note: nasty,
        flow: fc.boolean(),
      },
      { requiredKeys: ['of'] },
    ) as fc.Arbitrary<Noted>,
  })).node
  const plain = ({ of }: Noted): unknown =>
    Array.isArray(of)
      ? of.map(plain)
      : typeof of === 'object'
        ? Object.fromEntries(Object.entries(of).map(([name, value]) => [name, plain(value as Noted)]))
        : of

  it('has their values and nothing else, whatever the notes say', () => {
    fc.assert(
      fc.property(tree, nasty, (node, head) => {
        expect(parse(textOf(node, [head]))).toEqual(plain(node))
      }),
      { numRuns: process.env.SEKISHO_FULL ? 20_000 : 500 },
    )
  })
})
