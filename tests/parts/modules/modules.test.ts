import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chrony } from '../../../src/modules/chrony/module.ts'
import { kea } from '../../../src/modules/kea/module.ts'
import { unbound } from '../../../src/modules/unbound/module.ts'
import type { ModuleOutput, Provided } from '../../../src/router/module.ts'
import { contextFor, sampleRouter } from '../../sample-router.ts'
import { Bed, type Service } from './bed.ts'

const DNS: Provided = { capability: 'dns', module: 'unbound', address: '127.0.0.1', port: 53 }
const TIME: Provided = { capability: 'time', module: 'chrony', names: ['2.debian.pool.ntp.org'] }

const outputs = {
  chrony: chrony.build(contextFor(chrony, { set_clock: false })),
  kea: kea.build(
    contextFor(
      kea,
      { option_data: [{ name: 'tftp-server-name', data: 'tftp.example.org' }] },
      sampleRouter(),
      [DNS, TIME],
    ),
  ),
  unbound: unbound.build(contextFor(unbound, {}, sampleRouter(), [TIME])),
}

let bed: Bed
beforeAll(async () => {
  bed = await Bed.open(Object.keys(outputs))
})
afterAll(() => bed?.close())

function edited(output: ModuleOutput, from: string, to: string): ModuleOutput {
  return { ...output, files: output.files.map((file) => ({ ...file, text: file.text.replace(from, to) })) }
}

describe('native checks, on a machine that has none of the devices', () => {
  it.each(Object.entries(outputs))('%s accepts what it generated', async (name, output) => {
    for (const result of await bed.check(name, output))
      expect(result, JSON.stringify(result)).toMatchObject({ code: 0 })
  })

  it.each([
    ['chrony', edited(outputs.chrony, 'makestep', 'makestepp'), 'makestepp'],
    ['kea', edited(outputs.kea, '10.0.0.129 - ', '10.9.0.129 - '), '10.9.0.129'],
    ['kea', edited(outputs.kea, '"tftp-server-name"', '"tftp-server-nam"'), 'tftp-server-nam'],
    ['unbound', edited(outputs.unbound, 'prefetch: yes', 'prefetch: perhaps'), 'expected yes or no'],
  ])('%s refuses a mistake and names it', async (name, output, word) => {
    const [result] = await bed.check(name, output)
    expect(result?.code).not.toBe(0)
    expect(`${result?.stdout}${result?.stderr}`).toContain(word)
  })

  it('unbound accepts the files that a user names', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sekisho-anchor-'))
    const config = { trust_anchor_file: join(folder, 'my root.key'), root_hints_file: join(folder, 'hints') }
    await writeFile(config.trust_anchor_file, `. IN DS 20326 8 2 ${'0123456789ABCDEF'.repeat(4)}\n`)
    await writeFile(config.root_hints_file, '. 3600 NS ns.example.org.\nns.example.org. 3600 A 192.0.2.53\n')
    const output = unbound.build(contextFor(unbound, config))
    expect((await bed.check('unbound', output)).map(({ code }) => code)).toEqual([0])
    await rm(folder, { recursive: true })
  })
})

describe('unbound', () => {
  let service: Service
  beforeAll(async () => {
    await bed.on('laptop', ['ip', 'link', 'set', 'eth0', 'up'])
    await bed.on('laptop', ['ip', 'address', 'add', '10.0.0.50/24', 'dev', 'eth0'])
    await bed.on('laptop', ['ip', 'address', 'add', '192.0.2.9/24', 'dev', 'eth0'])
    await bed.on('laptop', ['ip', 'address', 'add', 'fd12:3456:789a:1::50/64', 'dev', 'eth0', 'nodad'])
    await bed.on('laptop', ['ip', 'route', 'add', '10.0.20.1/32', 'via', '10.0.0.1'])
    await bed.on('router', ['ip', 'route', 'add', '192.0.2.0/24', 'dev', 'br-home'])
    service = await bed.start('unbound', outputs.unbound)
    await service.healthy()
  })
  afterAll(async () => {
    await service.remove()
    await bed.on('laptop', ['ip', 'address', 'flush', 'dev', 'eth0'])
  })

  async function dig(...args: string[]): Promise<string> {
    const { stdout } = await bed.in('laptop', [
      'dig',
      '+tries=2',
      '+time=3',
      '+noall',
      '+comments',
      '+answer',
      ...args,
    ])
    const status = /status: (\w+)/.exec(stdout)?.[1] ?? 'no answer'
    const answers = stdout.split('\n').filter((line) => line !== '' && !line.startsWith(';'))
    return [status, ...answers.map((line) => line.split(/\s+/).slice(3).join(' ')).sort()].join(', ')
  }

  it.each([
    [['@10.0.0.1', 'gate.home.arpa', 'A'], 'NOERROR, A 10.0.0.1, A 10.0.20.1'],
    [['@10.0.0.1', '+tcp', 'printer.home.arpa', 'A'], 'NOERROR, A 10.0.0.7'],
    [
      ['@fd12:3456:789a:1::1', 'gate.home.arpa', 'AAAA'],
      'NOERROR, AAAA fd12:3456:789a:1::1, AAAA fd12:3456:789a:2::1',
    ],
    [['@fd12:3456:789a:1::1', '+tcp', '-x', '10.0.0.200'], 'NOERROR, PTR nas.home.arpa.'],
    [['@10.0.0.1', '-x', 'fd12:3456:789a:2::1'], 'NOERROR, PTR gate.home.arpa.'],
    [['@10.0.0.1', 'nobody.home.arpa'], 'NXDOMAIN'],
    [['@10.0.0.1', '-x', '10.0.0.99'], 'NXDOMAIN'],
    [['@10.0.0.1', '-x', '192.168.77.1'], 'NXDOMAIN'],
    [['@10.0.0.1', 'use-application-dns.net'], 'NXDOMAIN'],
    [['@10.0.0.1', '-b', '192.0.2.9', 'gate.home.arpa'], 'REFUSED'],
    [['@10.0.0.1', 'version.bind', 'CH', 'TXT'], 'REFUSED'],
  ])('%j → %s', async (args, answer) => {
    expect(await dig(...args)).toBe(answer)
  })

  it('takes names over its control socket and drops them with a crash, from which it comes back', async () => {
    expect(await control('local_data phone.home.arpa 60 A 10.0.0.130')).toBe('ok\n')
    expect(await dig('@10.0.0.1', 'phone.home.arpa')).toBe('NOERROR, A 10.0.0.130')
    await service.crash()
    await sleep(500)
    await service.healthy()
    expect(await dig('@10.0.0.1', 'phone.home.arpa')).toBe('NXDOMAIN')
    expect(await control('status')).toContain('is running')
  })

  it('keeps its trust anchor, and takes the one of a newer image', async () => {
    const state = join(service.folder, 'anchor/root.key')
    const text = await readFile(state, 'utf8')
    await writeFile(state, `; kept\n${text}`)
    await service.restart()
    await service.healthy()
    expect(await readFile(state, 'utf8')).toContain('; kept')
    await writeFile(`${state}.image`, 'an older one')
    await service.restart()
    await service.healthy()
    expect(await readFile(state, 'utf8')).not.toContain('; kept')
  })

  it('forgets what it learnt when the clock was set, and says so', async () => {
    expect((await service.health()).stdout).toBe('')
    const clock = '/run/unbound-local/clock'
    await service.exec(['sh', '-c', `echo "$(($(cat ${clock} | cut -d. -f1) + 100000000))" >${clock}`])
    expect(await service.health()).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^the clock was set by -\d+ s: forgetting all answers\n$/),
    })
    expect((await service.health()).stdout).toBe('')
  })

  it('is unhealthy when it does not answer for its own domain', async () => {
    expect((await service.exec(['/usr/local/libexec/health.pl', 'other.example.org'])).code).not.toBe(0)
  })

  /** What unbound-control sends, from outside the container as the host agent does. */
  function control(command: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(join(service.folder, 'run/unbound.ctl'), () =>
        socket.write(`UBCT1 ${command}\n`),
      )
      let reply = ''
      socket.setEncoding('utf8').on('data', (text) => {
        reply += text
      })
      socket.on('error', reject).on('close', () => resolve(reply))
    })
  }
})

describe('kea', () => {
  let service: Service
  beforeAll(async () => {
    // Nothing is plugged in, and the guest network's device does not exist.
    await bed.on('laptop', ['ip', 'link', 'set', 'eth0', 'down'])
    service = await bed.start('kea', outputs.kea)
    await service.healthy()
  })
  afterAll(() => service.remove())

  /** Asks for a lease and returns what the client was told. */
  async function lease(device: string, ...args: string[]): Promise<Record<string, string>> {
    const client = ['dhcpcd', '-4', '-1', '-B', '-L', '-A', '-t', '20', '-c', '/print']
    const wants = [
      'domain_name_servers',
      'domain_name',
      'domain_search',
      'ntp_servers',
      'broadcast_address',
      'tftp_server_name',
    ]
    const { stdout } = await bed.in('laptop', [...client, '-o', wants.join(','), ...args, device])
    const lines = stdout.slice(Math.max(0, stdout.lastIndexOf('reason='))).match(/^new_\w+=.*$/gm)
    const all = stdout.match(/^new_\w+=.*$/gm) ?? lines ?? []
    await bed.on('laptop', ['ip', 'address', 'flush', 'dev', device])
    return Object.fromEntries(
      all.map((line) => [line.slice(4, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    )
  }

  it('says which network it cannot serve', async () => {
    expect(await service.logs()).toContain('no device lan1.20 on this machine')
  })

  it('serves within 10 s of a cable being plugged in, with every option', async () => {
    await sleep(4000)
    const start = Date.now()
    await bed.on('laptop', ['ip', 'link', 'set', 'eth0', 'up'])
    const told = await lease('eth0', '-h', 'phone')
    expect(Date.now() - start).toBeLessThan(10_000)
    expect(told).toMatchObject({
      ip_address: expect.stringMatching(/^10\.0\.0\.(129|1[3-9]\d|2[0-4]\d|25[0-4])$/),
      subnet_cidr: '24',
      broadcast_address: '10.0.0.255',
      routers: '10.0.0.1',
      domain_name_servers: '10.0.0.1',
      ntp_servers: '10.0.0.1',
      domain_name: 'home.arpa',
      domain_search: 'home.arpa',
      tftp_server_name: 'tftp.example.org',
      dhcp_lease_time: '43200',
    })
  })

  it.each([
    ['outside the pool', '02:00:5e:10:00:07', '10.0.0.7', 'printer'],
    ['inside the pool', '02:00:5e:10:00:08', '10.0.0.200', 'nas'],
  ])('gives a reservation %s', async (_, mac, address, name) => {
    await bed.on('laptop', ['ip', 'link', 'set', 'eth0', 'address', mac])
    expect(await lease('eth0')).toMatchObject({ ip_address: address, host_name: name })
  })

  it('keeps a lease through another client identifier and a crash', async () => {
    await bed.on('laptop', ['ip', 'link', 'set', 'eth0', 'address', '02:00:5e:10:00:21'])
    const first = await lease('eth0', '-I', 'boot-loader')
    await service.crash()
    await sleep(500)
    await service.healthy()
    const second = await lease('eth0', '-I', 'system')
    expect(second.ip_address).toBe(first.ip_address)
    expect(first.ip_address).toMatch(/^10\.0\.0\./)
  })

  it('writes no line of a client into its lease file', async () => {
    const name = 'x\n10.0.0.66,02:00:5e:10:00:66,,43200,1999999999,1,0,0,forged,0,,0'
    const said = await bed.in('laptop', ['python3', '-c', BAD_CLIENT, Buffer.from(name).toString('hex')])
    expect(said.stdout, said.stderr).toMatch(/^10\.0\.0\.\d+$/m)
    const file = await readFile(join(service.folder, 'leases/kea-leases4.csv'), 'utf8')
    expect(file).toContain(',x-10')
    expect(file).not.toMatch(/^10\.0\.0\.66,/m)
  })

  it('begins to serve a network whose device appears later', async () => {
    await bed.plugDevice('lan1.20', '10.0.20.1/23', 'eth1')
    const restarts = await service.restarts()
    expect(await service.health()).toMatchObject({ stderr: expect.stringContaining('device lan1.20 is new') })
    await sleep(1000)
    await service.healthy()
    expect(await service.restarts()).toBe(restarts + 1)
    expect(await lease('eth1')).toMatchObject({
      ip_address: expect.stringMatching(/^10\.0\.(20\.1\d\d|21\.1\d|21\.20)$/),
      subnet_cidr: '23',
      routers: '10.0.20.1',
      dhcp_lease_time: '3600',
    })
  })
})

/** Takes a lease under a host name of any bytes, given in hexadecimal; prints the address. */
const BAD_CLIENT = `
import sys
from scapy.all import *
conf.checkIPaddr = False
mac = bytes.fromhex('02005e100031')
name = ('hostname', bytes.fromhex(sys.argv[1]))
def ask(*options):
    packet = (Ether(src=mac, dst='ff:ff:ff:ff:ff:ff') / IP(src='0.0.0.0', dst='255.255.255.255')
              / UDP(sport=68, dport=67) / BOOTP(chaddr=mac, xid=7, flags=0x8000) / DHCP(options=[*options, name, 'end']))
    return srp1(packet, iface='eth0', timeout=5, verbose=False)
offer = ask(('message-type', 'discover'))
server = dict(o[:2] for o in offer[DHCP].options if isinstance(o, tuple))['server_id']
ack = ask(('message-type', 'request'), ('requested_addr', offer[BOOTP].yiaddr), ('server_id', server))
print(ack[BOOTP].yiaddr)
`

describe('chrony', () => {
  let service: Service
  beforeAll(async () => {
    await bed.on('laptop', ['ip', 'link', 'set', 'eth0', 'up'])
    await bed.on('laptop', ['ip', 'address', 'add', '10.0.0.50/24', 'dev', 'eth0'])
    await bed.on('laptop', ['ip', 'address', 'add', '192.0.2.9/24', 'dev', 'eth0'])
    service = await bed.start('chrony', outputs.chrony)
    await service.healthy()
  })
  afterAll(() => service.remove())

  /** Stratum and leap indicator of the answer to a client packet (RFC 5905 section 7.3) from this address. */
  async function ask(source: string): Promise<string> {
    const said = await bed.in('laptop', ['python3', '-c', NTP_CLIENT, source])
    return said.stdout.trim() || said.stderr
  }

  it('is healthy without a WAN, and says that it is not in step', async () => {
    expect((await service.health()).stdout).toContain('Not synchronised')
    expect(await ask('10.0.0.50')).toBe('mode 4 leap 3')
  })

  it('answers our networks only', async () => {
    expect(await ask('192.0.2.9')).toBe('silence')
  })
})

const NTP_CLIENT = `
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 0))
s.settimeout(2)
s.sendto(bytes([0x23]) + bytes(39) + b'12345678', ('10.0.0.1', 123))
try:
    answer = s.recv(100)
    print('mode', answer[0] & 7, 'leap', answer[0] >> 6)
except TimeoutError:
    print('silence')
`
