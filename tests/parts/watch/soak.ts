import { soakDns } from './soak-dns.ts'
import { soakEvents } from './soak-events.ts'
import { soakFlows } from './soak-flows.ts'

/* `soak.ts dns|flows|events COUNT`: a simulated day with about so many of them; tells what came of it as a line of JSON. */

const [part, count] = process.argv.slice(2)
const soak = { dns: soakDns, flows: soakFlows, events: soakEvents }[part ?? '']
if (!soak) throw new Error('usage: soak.ts dns|flows|events COUNT')
process.stdout.write(`${JSON.stringify(soak(Number(count)))}\n`)
