import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NFLOG_GROUP } from '../../../src/router/paths.ts'
import { RULE_GROUPS, renderNft } from '../../../src/router/render/nft.ts'
import { type Bed, MAC, SERVER, startBed, TABLES } from './bed.ts'
import type { Host } from './host.ts'
import { PROBES, type Probe, setPatience } from './probes.ts'

/*
 * The rendered table in a real kernel, in namespaces of its own. Needs root, and no lab.
 */

let bed: Bed
beforeAll(async () => {
  bed = await startBed()
  await bed.router.record(NFLOG_GROUP)
}, 60_000)
afterAll(() => bed?.stop())

function table(probe: Probe) {
  return TABLES[probe.table ?? 'main']
}

describe('with the whole table', () => {
  test.for(PROBES.map((probe) => [probe.what, probe] as const))('%s', async ([, probe]) => {
    await bed.load(renderNft(table(probe)))
    expect(await probe.run(bed)).toBeUndefined()
  })
})

describe('each group of rules is needed', () => {
  beforeAll(() => setPatience(1000))
  test.for(RULE_GROUPS)('without %s some packet goes astray', async (group) => {
    const astray: string[] = []
    const probes = PROBES.filter((probe) => probe.groups.includes(group))
    for (const probe of probes) {
      await bed.load(renderNft({ ...table(probe), without: group }))
      const wrong = await probe.run(bed)
      if (wrong !== undefined) {
        astray.push(`${probe.what}: ${wrong}`)
        break
      }
    }
    expect(astray, `probes tried: ${probes.map((p) => p.what).join('; ')}`).not.toEqual([])
  })
})

describe('loading again', () => {
  test('firewall.deny ends nothing that is under way', async () => {
    const { laptop, guest } = bed
    const send = (sport: number, text: string) => {
      const payload = { kind: 'udp', sport, dport: 9100, text } as const
      return laptop.frame('eth0', MAC.home, { from: '10.0.0.20', to: '10.0.2.5', payload })
    }
    const has = async (host: Host, text: string) => (await host.seen()).some((seen) => seen.text === text)
    await bed.load(renderNft(TABLES.main))
    await send(33_001, 'begun before')
    await expect.poll(() => has(guest, 'begun before')).toBe(true)
    const payload = { kind: 'udp', sport: 9100, dport: 33_001, text: 'an answer' } as const
    await guest.frame('eth0', MAC.guest, { from: '10.0.2.5', to: '10.0.0.20', payload })
    await expect.poll(() => has(laptop, 'an answer')).toBe(true)

    await bed.load(renderNft(TABLES.deny))
    await send(33_002, 'begun after')
    await send(33_001, 'goes on')
    await expect.poll(() => has(guest, 'goes on')).toBe(true)
    expect(await has(guest, 'begun after')).toBe(false)
  })

  test('drops no established flow', async () => {
    await bed.load(renderNft(TABLES.main))
    // A paced download through the router, while the table is replaced twenty times.
    const serve = `const server = require('node:net').createServer((socket) => {
      let sent = 0
      const timer = setInterval(() => { socket.write('x'); if (++sent === 40) { clearInterval(timer); socket.end() } }, 20)
      socket.on('close', () => process.exit(0))
    }).listen(7000)`
    const fetch = `let got = 0
      const dial = () => require('node:net').connect(7000, '${SERVER}')
        .on('data', (data) => { got += data.length })
        .on('error', () => setTimeout(dial, 50))
        .on('close', () => { if (got > 0) console.log(got) })
      dial()`
    const server = bed.isp.try([process.execPath, '-e', serve])
    const download = bed.laptop.try([process.execPath, '-e', fetch])
    for (let i = 0; i < 20; i++) {
      await bed.load(renderNft(i % 2 ? TABLES.main : TABLES['block private']))
      await new Promise((resolve) => setTimeout(resolve, 30))
    }
    expect((await download).stdout.trim()).toBe('40')
    expect((await server).code).toBe(0)
    expect((await bed.phone.connect(SERVER, 80)).result).toBe('open')
  })
})
