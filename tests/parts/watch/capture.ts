import { setTimeout as sleep } from 'node:timers/promises'
import { openCapture } from '../../../src/watch/capture/open.ts'
import { HERE_MS, PacketRing } from '../../../src/watch/capture/ring.ts'

/*
 * `capture.ts DEVICE [VLAN…]`: says "ready", then a line of JSON for each packet that the filter lets through; VLANs have a
 * device of their own. Ends when its input does.
 */

const [device = '', ...vlans] = process.argv.slice(2)
const ring = new PacketRing(openCapture(vlans.map(Number)), device, 4 * 1024 * 1024)
ring.follow()
if (!ring.bound) throw new Error(`no device ${device}`)
let ended = false
process.stdin.resume().on('end', () => {
  ended = true
})
process.stdout.write('ready\n')
for (let more = true; more || !ended; ) {
  // Longer than the kernel keeps a block that is not full.
  await sleep(HERE_MS)
  more = ring.look(performance.now())
  ring.give(
    (bytes, micros, outgoing) => {
      process.stdout.write(`${JSON.stringify({ frame: bytes.toString('hex'), micros, outgoing })}\n`)
    },
    Number.POSITIVE_INFINITY,
    Number.POSITIVE_INFINITY,
  )
}
process.stdout.write(`${JSON.stringify(ring.counts())}\n`)
ring.close()
