import { describe, expect, it } from 'vitest'
import { tableLines } from './nft-state.ts'

/** What nft(8) 1.1.3 prints, with these parts in it. */
function listing({ elements = '"wan0",\n\t\t\t     "br-home"', seen = '192.0.2.1', port = 22 } = {}): string {
  return `table inet sekisho {
	set own_devices {
		type ifname
		elements = { ${elements} }
	}

	set seen {
		type ipv4_addr
		size 65535
		flags dynamic,timeout
		elements = { ${seen} timeout 1m expires 3s }
	}

	map source_of {
		type ifname : verdict
		elements = { "wan0" : jump source_wan, "lan1" : jump source_guest }
	}

	chain input {
		type filter hook input priority filter - 10; policy drop;
		tcp dport { ${port}, 80 } counter accept comment "core: a, b } c"
	}
}
`
}

describe('tableLines', () => {
  it('has a line for each rule and element, with its place', () => {
    expect(tableLines(listing()).split('\n')).toEqual([
      'set own_devices: type ifname',
      'set own_devices: "br-home"',
      'set own_devices: "wan0"',
      'set seen: type ipv4_addr',
      'set seen: size 65535',
      'set seen (filled by rules): flags dynamic,timeout',
      'map source_of: type ifname : verdict',
      'map source_of: "lan1" : jump source_guest',
      'map source_of: "wan0" : jump source_wan',
      'chain input: type filter hook input priority filter - 10; policy drop;',
      'chain input: tcp dport { 22, 80 } counter accept comment "core: a, b } c"',
      '',
    ])
  })

  it('does not see what changes by itself', () => {
    expect(tableLines(listing({ seen: '192.0.2.9' }))).toBe(tableLines(listing()))
    expect(tableLines(listing({ elements: '"br-home", "wan0"' }))).toBe(tableLines(listing()))
  })

  it('sees a changed rule, and another element of a set of ours', () => {
    expect(tableLines(listing({ port: 23 }))).not.toBe(tableLines(listing()))
    expect(tableLines(listing({ elements: '"wan0"' }))).not.toBe(tableLines(listing()))
  })
})
