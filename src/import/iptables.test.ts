import { describe, expect, it } from 'vitest'
import { formatPrefix } from '../lib/ip.ts'
import { maskLength, readIptables } from './iptables.ts'

function rulesOf(lines: string, table = 'filter') {
  const read = readIptables({ file: 'iptables', text: `*${table}\n${lines}\nCOMMIT\n` })
  if (!read.ok) throw new Error(JSON.stringify(read.issues))
  return read.iptables.tables.flatMap(({ rules }) => rules)
}

describe('a rule', () => {
  it('of everything that is understood', () => {
    const [rule] = rulesOf(
      `[3:180] -A INPUT ! -i eth0 -p 6 -s ! 10.0.0.0/255.255.0.0 -d 10.0.0.1/32 -m multiport ! --dports ssh,8000:8010,:20 -m conntrack --ctstate NEW,RELATED -m comment --comment "it's \\"x\\"" -j ACCEPT`,
    )
    expect(rule?.unknown).toBeUndefined()
    expect(rule?.options.get('--comment')).toBe('it\'s "x"')
    const plain = rule?.conditions.map((one) =>
      'prefix' in one ? { ...one, prefix: formatPrefix(one.prefix) } : one,
    )
    expect(plain).toEqual([
      { kind: 'in', not: true, device: 'eth0' },
      { kind: 'protocol', not: false, protocol: 'tcp' },
      { kind: 'source', not: true, prefix: '10.0.0.0/16' },
      {
        kind: 'dports',
        not: true,
        ports: [
          { from: 22, to: 22 },
          { from: 8000, to: 8010 },
          { from: 0, to: 20 },
        ],
      },
      { kind: 'states', not: false, states: ['NEW', 'RELATED'] },
      { kind: 'destination', not: false, prefix: '10.0.0.1/32' },
    ])
  })

  it.each([
    ['-A INPUT -m limit --limit 3/min -j ACCEPT', '-m limit'],
    ['-A INPUT -m recent --name x --rcheck -j DROP', '-m recent'],
    ['-A INPUT -s host.example.org -j ACCEPT', '-s host.example.org'],
    ['-A INPUT --dport 70000 -j ACCEPT', '--dport 70000'],
    ['-A INPUT --dport 20:10 -j ACCEPT', '--dport 20:10'],
    ['-A INPUT -i eth0;reboot -j ACCEPT', '-i eth0;reboot'],
    ['-A INPUT -g OTHER', '-g'],
    ['-A INPUT --frobnicate a b -j ACCEPT', '--frobnicate'],
  ])('%s is not wholly understood', (line, unknown) => {
    expect(rulesOf(line).map((rule) => rule.unknown)).toEqual([unknown])
  })

  it('of several addresses is several rules, as iptables makes of it', () => {
    expect(rulesOf('-A FORWARD -s 10.0.0.1,10.0.0.2 -d 10.1.0.0/16,10.2.0.0/16 -j DROP')).toHaveLength(4)
  })

  it('may be inserted before others', () => {
    const rules = rulesOf(
      '-A INPUT -p tcp -j ACCEPT\n-A INPUT -p udp -j ACCEPT\n-I INPUT -j DROP\n-I INPUT 3 -p icmp -j DROP',
    )
    expect(rules.map(({ line }) => line)).toEqual([4, 2, 5, 3])
  })
})

describe('a file that iptables-restore would refuse', () => {
  it.each([
    ['-A INPUT -j ACCEPT\n', 1, 'this line is in no table'],
    ['*filter\n-A INPUT -j ACCEPT\n', 1, 'the table filter has no end'],
    ['*filter\n*nat\nCOMMIT\n', 2, 'the table filter of line 1 has no end'],
    ['*filter\n\n-A INPUT -m comment --comment "x -j ACCEPT\nCOMMIT\n', 3, 'a quote does not end'],
    ['#!/bin/sh\niptables -F\n', 2, 'this line is in no table'],
    [`*filter\n${'-A INPUT -j ACCEPT\n'.repeat(1100)}COMMIT\n`, 1003, 'there are more than 1000 rules'],
  ])('%#', (text, line, message) => {
    const read = readIptables({ file: 'iptables', text })
    expect(read.ok ? [] : read.issues.map((issue) => [issue.location?.line, issue.message])).toContainEqual([
      line,
      expect.stringContaining(message),
    ])
  })

  it('lists addresses beyond all bounds', () => {
    const list = Array.from({ length: 300 }, (_, i) => `10.0.${i >> 8}.${i & 255}`).join(',')
    const text = `*filter\n-A FORWARD -s ${list} -d ${list} -j DROP\n-A INPUT -j DROP\nCOMMIT\n`
    expect(readIptables({ file: 'iptables', text }).ok).toBe(true)
  })
})

it('reads netmasks', () => {
  expect(['255.255.255.0', '255.255.255.255', '0.0.0.0', '255.0.255.0', '24', 'x'].map(maskLength)).toEqual([
    '24',
    '32',
    '0',
    undefined,
    undefined,
    undefined,
  ])
})
