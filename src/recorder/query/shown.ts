import type { KindName } from '../records/kinds.ts'

/**
 * What people see of a record: a heading and SQL for each column of `sekisho logs`, the last the widest. Joined by blanks
 * they are the `text` of the view "records". The time goes before them.
 */
export const SHOWN = {
  dns: {
    client: 'clientAddress',
    type: 'queryType',
    code: 'responseCode',
    name: 'queryName',
    answers: `array_to_string(list_transform(answers, lambda a: a."data"), ' ')`,
  },
  flows: {
    ...ends(),
    bytes: 'octetDeltaCount',
    'bytes back': 'reverseOctetDeltaCount',
    name: 'destinationName',
  },
  netflow: { exporter: 'exporterAddress', ...ends(), packets: 'packetDeltaCount', bytes: 'octetDeltaCount' },
  drops: {
    rule: 'logPrefix',
    in: 'ingressInterface',
    out: 'egressInterface',
    ...ends(),
    bytes: 'ipTotalLength',
  },
  syslog: {
    severity: `['emerg', 'alert', 'crit', 'err', 'warning', 'notice', 'info', 'debug'][severity + 1]`,
    host: 'hostname',
    program: `concat(appName, '[' || procId || ']')`,
    message: 'trim(msg)',
  },
  container: { container: 'containerName', stream: 'stream', line: 'log' },
  dhcp: {
    event: 'event',
    network: 'network',
    address: 'address',
    MAC: 'macAddress',
    name: 'hostname',
    lease: 'leaseSeconds',
  },
  events: { tag: 'tag', sender: 'senderAddress', record: 'record' },
  devices: {
    until: 'strftime("until", \'%Y-%m-%dT%H:%M:%SZ\')',
    address: 'address',
    MAC: `concat(macAddress, CASE WHEN randomMac THEN ' (random)' END)`,
    network: 'network',
    device: 'device',
    vendor: 'vendor',
  },
} as const satisfies Record<KindName, Readonly<Record<string, string>>>

function ends() {
  const protocol = `coalesce(map {1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmp6'}[protocolIdentifier], protocolIdentifier::VARCHAR)`
  return {
    protocol,
    source: end('source'),
    destination: end('destination'),
  } as const
}

/** "192.0.2.1:443", "[2001:db8::1]:443", or the address alone. */
function end(side: 'source' | 'destination'): string {
  const address = `${side}Address`
  const port = `${side}TransportPort`
  return `CASE WHEN ${port} IS NULL THEN ${address} WHEN contains(${address}, ':') THEN concat('[', ${address}, ']:', ${port}) ELSE concat(${address}, ':', ${port}) END`
}

/** SQL for a record as one line of text. */
export function summary(kind: KindName): string {
  const columns = Object.values(SHOWN[kind]).map((sql) => `(${sql})::VARCHAR`)
  return `concat_ws(' ', ${columns.join(', ')})`
}
