import { join } from 'node:path'
import { expect, test } from 'vitest'
import { run } from '../../src/lib/run.ts'

/* What the kernel tracks, listed and ended, in a network of its own: its addresses are all on the loopback device. */

const SRC = join(import.meta.dirname, '../../src')
const SETUP = `set -e
ip link set lo up
for address in 10.0.0.130 10.0.0.131 203.0.113.80; do ip address add $address/32 dev lo; done
for address in 2001:db8:100::5 2001:db8:80::80; do ip address add $address/128 dev lo nodad; done
nft 'table inet t { chain c { type filter hook input priority 0; ct state established,new accept; }; }'
echo 1 >/proc/sys/net/netfilter/nf_conntrack_acct
exec "$@"
`
const PROGRAM = `
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
const { endConnections } = await import('${SRC}/agent/end-connections.ts')
const { holdersOf, listOpen } = await import('${SRC}/agent/requests/connections.ts')
const LAPTOP = '02:00:5e:10:00:01'
const holders = holdersOf(
  [{ prefix: '10.0.0.0/24' }],
  { leases: [], reservations: [{ network: 'home', macAddress: LAPTOP, name: 'laptop', address: '10.0.0.130' }] },
  [{ address: '2001:db8:100::5', macAddress: LAPTOP }],
)
const server = createServer((socket) => socket.on('data', () => socket.write('x'.repeat(10_000)))).listen(7777, '::')
await once(server, 'listening')
for (const [localAddress, host] of [
  ['10.0.0.130', '203.0.113.80'],
  ['10.0.0.131', '203.0.113.80'],
  ['2001:db8:100::5', '2001:db8:80::80'],
]) {
  const socket = connect({ localAddress, host, port: 7777 })
  socket.write('hello')
  await once(socket, 'data')
}
// The kernel keeps one that both sides have closed for two minutes (TIME_WAIT): it is not open.
const brief = connect({ localAddress: '10.0.0.131', host: '203.0.113.80', port: 7777 })
brief.end('bye').resume()
await once(brief, 'close')
const before = await listOpen(holders)
const ended = await endConnections(({ original }) => ['10.0.0.130', '2001:db8:100::5'].includes(original.source))
const left = await listOpen(holders)
console.log(JSON.stringify({ before, ended, left, again: await endConnections(() => false) }))
process.exit()
`

test('open connections are listed from the side of their device, and those that are meant end', async () => {
  const node = [process.execPath, '--input-type=module', '-e', PROGRAM]
  const { code, stdout, stderr } = await run(['unshare', '--net', 'sh', '-c', SETUP, 'setup', ...node], {
    timeout: 60_000,
  })
  expect(`${code} ${stderr}`).toMatch(/^0 /)
  const { before, ended, left, again } = JSON.parse(stdout)
  const laptop = { deviceId: '02:00:5e:10:00:01', device: 'laptop', protocol: 'tcp', destinationPort: 7777 }
  expect(before).toHaveLength(3)
  expect(before).toContainEqual(
    expect.objectContaining({
      ...laptop,
      source: '10.0.0.130',
      destination: '203.0.113.80',
      state: 'ESTABLISHED',
    }),
  )
  expect(before).toContainEqual(
    expect.objectContaining({ ...laptop, source: '2001:db8:100::5', destination: '2001:db8:80::80' }),
  )
  for (const { down, up } of before) expect(down).toBeGreaterThan(up + 9000)
  expect(ended).toBe(2)
  expect(left.map(({ source }: { source: string }) => source)).toEqual(['10.0.0.131'])
  expect(again).toBe(0)
})
