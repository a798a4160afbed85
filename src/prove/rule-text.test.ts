import { expect, test } from 'vitest'
import { readRules } from './rule-text.ts'

test('reads rules with their place, handle and comment, and nothing else', () => {
  const listing = `table inet sekisho { # handle 3
	set own_devices { # handle 1
		type ifname
		elements = { "wan0",
			     "lan0" }
	}

	chain forward { # handle 4
		type filter hook forward priority filter - 10; policy drop;
		iifname "lan0" accept comment "core: known # handle 9" # handle 12
		ip saddr { 10.0.0.0/24, 10.0.2.0/24 } counter packets 0 bytes 0 drop # handle 13
	}
}
table ip nat { # handle 5
	chain POSTROUTING { # handle 1
		oifname "wan0" masquerade # handle 2
	}
}
`
  expect(readRules(listing)).toEqual([
    {
      family: 'inet',
      table: 'sekisho',
      chain: 'forward',
      handle: 12,
      text: 'iifname "lan0" accept',
      comment: 'core: known # handle 9',
    },
    {
      family: 'inet',
      table: 'sekisho',
      chain: 'forward',
      handle: 13,
      text: 'ip saddr { 10.0.0.0/24, 10.0.2.0/24 } counter packets 0 bytes 0 drop',
    },
    { family: 'ip', table: 'nat', chain: 'POSTROUTING', handle: 2, text: 'oifname "wan0" masquerade' },
  ])
  expect(readRules('')).toEqual([])
})
