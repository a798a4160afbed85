import { describe, expect, it } from 'vitest'
import { hashRuleset } from './nft-state.ts'

function listing(more: Record<string, unknown> = {}): string {
  const { version = '1.1.3', handle = 4, elem = ['192.0.2.1'], port = 22 } = more
  return JSON.stringify({
    nftables: [
      { metainfo: { version } },
      { set: { name: 'seen', type: 'ipv4_addr', handle, elem } },
      {
        rule: {
          chain: 'input',
          handle,
          expr: [{ match: { right: port } }, { counter: { packets: handle, bytes: 1 } }],
        },
      },
    ],
  })
}

describe('hashRuleset', () => {
  it('does not see what changes by itself', () => {
    const before = hashRuleset(listing())
    expect(hashRuleset(listing({ version: '1.1.4' }))).toBe(before)
    expect(hashRuleset(listing({ handle: 90 }))).toBe(before)
    expect(hashRuleset(listing({ elem: ['192.0.2.1', '192.0.2.2'] }))).toBe(before)
  })

  it('sees a changed rule', () => {
    expect(hashRuleset(listing({ port: 23 }))).not.toBe(hashRuleset(listing()))
  })
})
