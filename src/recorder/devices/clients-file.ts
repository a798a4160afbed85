const MAX_BYTES = 16 * 1024 * 1024
const MAX_ENTRIES = 20_000
const MAC = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/

/** What the agent knows from the DHCP server and router.yaml: /run/sekisho/agent/clients.json (src/agent/clients.ts). */
export interface ClientsFile {
  /** When the DHCP server said so: milliseconds since 1970. */
  readonly asOf: number
  readonly leases: readonly Lease[]
  /** MAC address → the name that router.yaml gives it. */
  readonly reserved: ReadonlyMap<string, string>
}

export interface Lease {
  readonly address: string
  readonly macAddress: string
  readonly network: string
  /** What the client called itself: any text. */
  readonly hostname?: string
  /** A DNS label. */
  readonly name?: string
  /** Client's last transaction, and when the lease ends (absent: never); seconds since 1970. */
  readonly cltt: number
  readonly expires?: number
}

/** Reads the file's text; throws when it is not what the agent writes. */
export function parseClientsFile(text: string): ClientsFile {
  if (text.length > MAX_BYTES) throw new Error('clients.json is too long')
  const file = JSON.parse(text) as Partial<Record<string, unknown>> | null
  if (file?.version !== 1 || !isCount(file.asOf)) throw new Error('clients.json: version or asOf is wrong')
  return {
    asOf: file.asOf,
    leases: listOf(file.leases, 'leases').map(parseLease),
    reserved: new Map(
      listOf(file.reservations, 'reservations').map((one) => [text64(one.macAddress), text64(one.name)]),
    ),
  }
}

/** A lease as the file, or our own state, has it. */
export function parseLease(one: Readonly<Record<string, unknown>>): Lease {
  const { address, macAddress, network, hostname, name, cltt, expires } = one
  if (typeof macAddress !== 'string' || !MAC.test(macAddress) || !isCount(cltt)) {
    throw new Error('a lease without macAddress or cltt')
  }
  return {
    address: text64(address),
    macAddress,
    network: text64(network),
    ...(typeof hostname === 'string' ? { hostname: hostname.slice(0, 255) } : {}),
    ...(typeof name === 'string' ? { name: text64(name) } : {}),
    cltt,
    ...(isCount(expires) ? { expires } : {}),
  }
}

function listOf(value: unknown, name: string): Readonly<Record<string, unknown>>[] {
  if (!Array.isArray(value) || value.length > MAX_ENTRIES) throw new Error(`${name} is no list, or too long`)
  return value as Record<string, unknown>[]
}

function text64(value: unknown): string {
  if (typeof value !== 'string' || value === '' || value.length > 64)
    throw new Error('an entry without a text')
  return value
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
