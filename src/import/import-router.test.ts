import { cp, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectGolden } from '../../tests/golden.ts'
import { importedYaml } from '../../tests/imported.ts'
import { readInstallation } from './read-installation.ts'

const OLD_ROUTER = join(import.meta.dirname, '../../tests/old-router')
const GOLDEN = join(import.meta.dirname, 'golden')

async function filesOf(folder: string): Promise<Record<string, string>> {
  const { imported, settled } = await importedYaml(await readInstallation(folder))
  if (imported.kind !== 'router' || !settled?.ok) throw new Error(JSON.stringify({ imported, settled }))
  return {
    'router.yaml': settled.text,
    'report.json': `${JSON.stringify(imported.book.report, null, 2)}\n`,
    'secrets.txt': imported.secrets
      .map(({ name, text }) => `${name}: ${text.split('\n').length - 1} lines\n`)
      .join(''),
    ...(imported.leases !== undefined && { 'kea-leases4.csv': imported.leases }),
  }
}

describe('what an old router becomes', () => {
  it('the whole folder', async () => {
    await expectGolden(join(GOLDEN, 'folder'), await filesOf(OLD_ROUTER))
  })

  it('secrets are in the files that are for them, and in nothing else', async () => {
    const { imported } = await importedYaml(await readInstallation(OLD_ROUTER))
    if (imported.kind !== 'router') throw new Error(imported.kind)
    const { s3, mackerel } = JSON.parse(await readFile(join(OLD_ROUTER, 'config.json'), 'utf8'))
    expect(Object.fromEntries(imported.secrets.map(({ name, text }) => [name, text]))).toEqual({
      s3: `[default]\naws_access_key_id = ${s3.key}\naws_secret_access_key = ${s3.secret}\n`,
      mackerel: `${mackerel.api_key}\n`,
      pppoe: 'pass word of pppoe\n',
    })
    const shown = Object.values(await filesOf(OLD_ROUTER)).join('')
    for (const secret of [s3.key, s3.secret, mackerel.api_key, 'pass word of pppoe', 'old-db-password'])
      expect(shown).not.toContain(secret)
  })
})

describe('config.json alone', () => {
  let work: string
  beforeAll(async () => {
    work = await mkdtemp(join(tmpdir(), 'import-'))
    await cp(join(OLD_ROUTER, 'config.json'), join(work, 'config.json'))
  })
  afterAll(() => rm(work, { recursive: true }))

  it('needs to be told the WAN', async () => {
    const from = await readInstallation(join(work, 'config.json'))
    expect((await importedYaml(from)).imported).toEqual({ kind: 'no-wan', lan: ['enp0s2'] })
    const { settled } = await importedYaml(from, { wan: 'wan0', rename: new Map([['enp0s2', 'lan0']]) })
    expect(settled?.ok && settled.text).toContain('interfaces: [lan0] # config.json: enp0s2')
    expect(settled?.ok && settled.text).toContain('interface: wan0 # as you said')
  })

  it('is the same in a folder of its own', async () => {
    const choices = { wan: 'wan0' }
    const file = await importedYaml(await readInstallation(join(work, 'config.json')), choices)
    const folder = await importedYaml(await readInstallation(work), choices)
    expect(folder).toEqual(file)
  })
})

const NETWORK = '"network": {"internal_gateway": "10.0.0.1", "subnet": "10.0.0.0/24"}'
const DHCP = '"dhcp": {"interfaces": ["eth1"], "pools": ["10.0.0.129 - 10.0.0.254"]}'

async function issuesOf(text: string): Promise<string[]> {
  const { imported } = await importedYaml({ config: { file: 'config.json', text } }, { wan: 'wan0' })
  if (imported.kind !== 'broken') return []
  return imported.issues.map(({ location, message }) => `${location?.line ?? '-'} ${message}`)
}

describe('a config.json that is not right', () => {
  it.each([
    ['{"s3": {', /^1 this is no JSON here/],
    ['{\n"a": 1\n"b": 2}', /^2 this is no JSON here/],
    ['[]', /^1 this is no JSON here, or not a mapping/],
    ['', /^1 this is no JSON here/],
    ['{"zones": []}', /^1 this is not a config.json of the old router/],
    [`{${NETWORK},\n${DHCP.replace('eth1', 'eth1; rm -rf /')}}`, /^2 this is no name of a network port/],
    [`{${NETWORK},\n${DHCP.replace('10.0.0.129', 'ten')}}`, /^2 this is no range of addresses/],
    [
      `{${DHCP},\n"network": {"internal_gateway": "10.0.9.1", "subnet": "10.0.0.0/24"}}`,
      /^2 the gateway is not in 10.0.0.0\/24/,
    ],
    [
      `{${DHCP},\n"network": {"internal_gateway": "ten", "subnet": "10.0.0.0/24"}}`,
      /^2 this is no IPv4 address/,
    ],
    [`{${DHCP},${NETWORK},\n"s3": {"key": "A"}}`, /^2 s3.secret is missing/],
    [`{${DHCP},${NETWORK},\n"mackerel": {"api_key": "two words"}}`, /^2 this has signs that no key has/],
    [`{${DHCP},${NETWORK},\n"network": {}}`, /^2 "network" is given twice/],
    [`{${NETWORK}}`, /config.json does not say on which port/],
    [`{${DHCP}}`, /no file says which network/],
  ])('%j', async (text, words) => {
    expect((await issuesOf(text)).join('\n')).toMatch(words)
  })

  it('never says what stands in it', async () => {
    const secret = 'KEY-THAT-NOBODY-SEES'
    for (const text of [
      `{"s3": {"key": "${secret}" "x"}}`,
      `{"s3": {"key": ["${secret}"]}}`,
      `{"${secret}": "${secret}`,
      `{"mackerel": {"api_key": "${secret} x"}}`,
    ])
      expect(JSON.stringify(await importedYaml({ config: { file: 'config.json', text } }))).not.toContain(
        secret,
      )
  })

  it('takes the older form with kea-db, tabs, and a comma too many', async () => {
    const text = `{\n\t${NETWORK},\n\t${DHCP},\n\t"kea-db": {"user": "root", "password": "p", "database": "dhcpdb"},\n}`
    const { settled, imported } = await importedYaml(
      { config: { file: 'config.json', text } },
      { wan: 'wan0' },
    )
    expect(settled?.ok).toBe(true)
    expect(imported.kind === 'router' && imported.book.report.left.map(({ what }) => what)).toContain(
      'kea-db: the password of the MySQL server',
    )
  })
})

describe('what the check would refuse is left out, and told', () => {
  const text = `{${NETWORK},"dhcp": {"interfaces": ["eth1"], "pools": ["10.0.0.129 - 10.0.0.254", "10.0.7.1 - 10.0.7.9"]}}`
  const kea = {
    file: 'kea-config.json',
    text: `{"Dhcp4": {"subnet4": [{"subnet": "10.0.0.0/24", /* reserved */ "reservations": [
      {"hw-address": "02:00:5E:10:00:01", "ip-address": "10.0.0.7", "hostname": "printer"},
      {"hw-address": "not a mac", "ip-address": "10.0.0.8", "hostname": "x"}, // a mistake
      {"hw-address": "02:00:5e:10:00:03", "ip-address": "10.0.9.9", "hostname": "y"}
    ]}]}}`,
  }

  it('a pool elsewhere, reservations that are none', async () => {
    const { settled, imported } = await importedYaml(
      { config: { file: 'config.json', text }, kea },
      { wan: 'wan0' },
    )
    if (!settled?.ok || imported.kind !== 'router') throw new Error(JSON.stringify(settled))
    expect(settled.text).toContain('pools: [10.0.0.129 - 10.0.0.254] # config.json')
    expect(settled.text).toContain('- {name: printer, mac: 02:00:5e:10:00:01, address: 10.0.0.7}')
    expect(settled.text.match(/\{name: /g)).toHaveLength(1)
    const left = imported.book.report.left.map(({ what, why }) => `${what}: ${why}`)
    expect(left.filter((line) => /pools\[1\]|reservations\[[12]\]/.test(line))).toHaveLength(3)
  })

  it('what the router cannot do without is refused with where it came from', async () => {
    const { settled } = await importedYaml({ config: { file: 'config.json', text } }, { wan: 'eth1' })
    if (!settled || settled.ok) throw new Error('it passed')
    expect(settled.issues[0]?.message).toMatch(/^networks\.home\.interfaces\.?\[0\] \(config\.json\): /)
  })
})

describe('other ways out', () => {
  const config = { file: 'config.json', text: `{${NETWORK},${DHCP}}` }
  const yaml = async (more: Parameters<typeof importedYaml>[0], choices = {}) => {
    const { settled, imported } = await importedYaml({ config, ...more }, choices)
    if (!settled?.ok) throw new Error(JSON.stringify({ settled, imported }))
    return settled.text
  }

  it('a static address', async () => {
    const text =
      'iface eth0 inet static\n  address 192.0.2.2/29\n  gateway 192.0.2.1\n  dns-nameservers 192.0.2.53 192.0.2.54\n'
    const made = await yaml({ interfaces: [{ file: 'interfaces', text }] })
    expect(made).toMatch(
      /mode: static.*\n {2}address: 192.0.2.2\/29\n {2}gateway: 192.0.2.1\n {2}dns: \[192.0.2.53, 192.0.2.54\]\n {2}interface: eth0/,
    )
  })

  it('DHCP, by the interfaces file or by the rule of MASQUERADE', async () => {
    expect(await yaml({ interfaces: [{ file: 'interfaces', text: 'iface eth0 inet dhcp\n' }] })).toMatch(
      /mode: dhcp.*\n {2}interface: eth0/,
    )
    const rules = '*nat\n-A POSTROUTING -o eth7 -j MASQUERADE\nCOMMIT\n'
    expect(await yaml({ iptables: { file: 'iptables', text: rules } })).toMatch(
      /mode: dhcp.*\n {2}interface: eth7/,
    )
  })

  it('PPPoE without its password asks for it', async () => {
    const { imported } = await importedYaml({
      config,
      peers: [{ file: 'ppp/peers/dsl-provider', text: 'plugin rp-pppoe.so\nnic-eth0\nuser "a b"\n' }],
    })
    if (imported.kind !== 'router') throw new Error(imported.kind)
    expect(imported.secrets).toEqual([])
    expect(imported.book.report.todo[0]?.what).toMatch(/password of PPPoE/)
  })

  it('a bridge and a VLAN', async () => {
    const text = `iface br0 inet static
  address 10.0.0.1
  netmask 255.255.255.0
  bridge_ports eth1 eth2
iface eth3.20 inet static
  address 10.0.20.1/24
`
    const made = await yaml({ interfaces: [{ file: 'interfaces', text }] }, { wan: 'eth0' })
    expect(made).toContain('interfaces: [eth1, eth2]')
    expect(made).toContain('  eth3-20:\n')
    expect(made).toContain('interfaces: [{name: eth3, vlan: 20}]')
  })

  it('modules that are asked for', async () => {
    const made = await yaml({}, { wan: 'eth0', leaseDatabase: 'mariadb', softflowd: true })
    expect(made).toContain('lease_database: mariadb')
    expect(made).toContain('mariadb: {}')
    expect(made).toContain('softflowd:\n    interfaces: [home]')
  })

  it('DHCP options, everywhere or in one network', async () => {
    const text = `{"Dhcp4": {"option-data": [{"name": "tftp-server-name", "data": "10.0.0.5"}, {"name": "routers", "data": "10.0.0.1"}],
      "subnet4": [{"subnet": "10.0.0.0/24", "option-data": [{"code": 224, "data": "0A: #", "csv-format": false}]}]}}`
    const guest = { file: 'interfaces', text: 'iface eth2 inet static\n  address 10.0.2.1/24\n' }
    const made = await yaml({ kea: { file: 'kea.json', text }, interfaces: [guest] }, { wan: 'eth0' })
    expect(made).toContain('- {name: tftp-server-name, data: 10.0.0.5}')
    expect(made).toContain('- {code: 224, data: "0A: #", csv_format: false, networks: [home]}')
    expect(made).not.toContain('name: routers')
  })

  it('an unbound.conf with more', async () => {
    const text = `server:
  private-domain: "example.org."
  msg-cache-size: 8m
  rrset-cache-size: 16m
  root-hints: /etc/here
  trust-anchor-file: /etc/not-here
  local-data: "a.home. A 10.0.0.9"
forward-zone:
  name: "."
  forward-addr: 192.0.2.53
  forward-addr: 192.0.2.54@853#dns.example
`
    const made = await yaml(
      { unbound: { file: 'unbound.conf', text } },
      { wan: 'eth0', hasFile: (path: string) => path === '/etc/here' },
    )
    expect(made).toContain('forward_to: [192.0.2.53]')
    expect(made).toContain('private_domains: [example.org]')
    expect(made).toContain('cache_bytes: 25165824')
    expect(made).toContain('root_hints_file: /etc/here')
    expect(made).not.toContain('not-here')
  })
})
