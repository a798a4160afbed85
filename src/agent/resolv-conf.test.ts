import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { linkDnsServers, renderResolvConf } from './resolv-conf.ts'

describe('renderResolvConf', () => {
  test('our resolver first, then one of each family', () => {
    const fallback = ['192.0.2.53', '192.0.2.54', '2001:db8::53']
    expect(renderResolvConf({ resolver: '127.0.0.1', fallback, domain: 'home.arpa' })).toBe(
      `# Written by sekishod; edits are overwritten.
nameserver 127.0.0.1
nameserver 192.0.2.53
nameserver 2001:db8::53
options timeout:2 attempts:2
search home.arpa
`,
    )
  })

  test('without a resolver of our own, only the others; nothing twice, nothing invalid', () => {
    const text = renderResolvConf({
      fallback: ['192.0.2.53', '192.0.2.53', 'x\noptions rotate'],
      domain: 'a',
    })
    expect(text.split('\n').filter((line) => line.startsWith('nameserver'))).toEqual([
      'nameserver 192.0.2.53',
    ])
    expect(text).not.toContain('rotate')
    expect(renderResolvConf({ fallback: [], domain: 'home.arpa' })).not.toContain('nameserver')
  })
})

describe('linkDnsServers', () => {
  test('reads the state of a link', () => {
    const state = `# This is private data. Do not parse.
OPER_STATE=routable
DNS=192.0.2.1 2001:db8::1 fe80::1%wan0 192.0.2.9#dns.example.org 192.0.2.8:53 192.0.2.1
NTP=192.0.2.77
`
    expect(linkDnsServers(state)).toEqual(['192.0.2.1', '2001:db8::1', 'fe80::1%wan0', '192.0.2.9'])
    expect(linkDnsServers('DNS=\nNTP=192.0.2.1\n')).toEqual([])
    expect(linkDnsServers('')).toEqual([])
  })

  test('fuzz: whatever the file says, resolv.conf has only the lines it should', () => {
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }))
    fc.assert(
      fc.property(text, fc.array(text), (line, more) => {
        const fallback = [...linkDnsServers(`DNS=${line}`), ...more]
        const out = renderResolvConf({ resolver: '127.0.0.1', fallback, domain: 'home.arpa' })
        for (const written of out.trimEnd().split('\n').slice(1)) {
          expect(written).toMatch(
            /^(nameserver [0-9a-fA-F:.]+(%\S+)?|options timeout:2 attempts:2|search home\.arpa)$/,
          )
        }
      }),
    )
  })
})
