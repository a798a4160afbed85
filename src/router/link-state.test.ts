import { describe, expect, it } from 'vitest'
import { sampleRouter } from '../../tests/sample-router.ts'
import { amissLinks, type LiveLink, wantedLinks } from './link-state.ts'
import { renderNetworkd } from './render/networkd.ts'

const wanted = wantedLinks(renderNetworkd(sampleRouter()))

/** The links as they are when all is well. */
function healthy(): Record<string, LiveLink> {
  return Object.fromEntries(
    wanted.map(({ device, addresses, bridge }) => [device, { addresses, ...(bridge && { bridge }) }]),
  )
}

describe('amissLinks', () => {
  it('finds nothing where everything is as the files say', () => {
    expect(wanted.map(({ device }) => device)).toContain('br-home')
    expect(amissLinks(wanted, healthy())).toEqual([])
  })

  it('sees a bridge that is gone, and its ports that have no bridge then', () => {
    const { 'br-home': _, lan0: __, ...rest } = healthy()
    expect(amissLinks(wanted, { ...rest, lan0: { addresses: [] } })).toEqual([
      { device: 'br-home', why: 'br-home is missing' },
      { device: 'lan0', why: 'lan0 has left br-home' },
    ])
  })

  it('sees an address that was taken away', () => {
    const live = healthy()
    const [first, ...others] = live['br-home']?.addresses ?? []
    expect(amissLinks(wanted, { ...live, 'br-home': { addresses: others } })).toEqual([
      { device: 'br-home', why: `br-home has lost ${first}` },
    ])
  })

  it('asks nothing of a port that is not there, nor an address of one that needs a carrier', () => {
    const { lan0: _, wan0: __, 'lan1.20': ___, ...rest } = healthy()
    expect(amissLinks(wanted, rest)).toEqual([])
    expect(wanted.find(({ device }) => device === 'wan0')?.addresses ?? []).toEqual([])
  })
})
