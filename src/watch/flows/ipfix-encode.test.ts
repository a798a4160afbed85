import { expect, it } from 'vitest'
import type { FlowRecord } from '../../recorder/records/flow.ts'
import { decodeNetflow } from '../../recorder/sources/netflow/decode.ts'
import { Exporters } from '../../recorder/sources/netflow/exporters.ts'
import type { Header } from '../../recorder/sources/netflow/record.ts'
import { dataMessage, templateMessage } from './ipfix-encode.ts'

const HEADER = { exportSecs: 1_790_000_000, sequence: 0, domain: 1 }

const V4: FlowRecord = {
  time: '2026-09-21T14:13:20.000000Z',
  flowStart: '2026-09-21T14:13:10.123456Z',
  flowEnd: '2026-09-21T14:13:19.654321Z',
  flowId: 2 ** 52 + 12_345,
  sourceAddress: '192.0.2.9',
  destinationAddress: '198.51.100.7',
  protocolIdentifier: 6,
  sourceTransportPort: 50_000,
  destinationTransportPort: 443,
  octetDeltaCount: 2 ** 40,
  packetDeltaCount: 3,
  reverseOctetDeltaCount: 4000,
  reversePacketDeltaCount: 4,
  postNatSourceAddress: '203.0.113.1',
  postNaptSourceTransportPort: 1024,
  flowEndReason: 3,
}
const PING: FlowRecord = {
  time: V4.time,
  flowStart: V4.flowStart,
  flowEnd: V4.flowEnd,
  flowId: 7,
  sourceAddress: '2001:db8::9',
  destinationAddress: '2001:db8:1:2:3:4:5:6',
  protocolIdentifier: 58,
  icmpTypeCode: 0x8000,
  octetDeltaCount: 208,
  packetDeltaCount: 2,
  reverseOctetDeltaCount: 104,
  reversePacketDeltaCount: 1,
  flowEndReason: 1,
}

it('is read by our own decoder as it was meant', () => {
  const exporters = new Exporters<Header>()
  const sender = { address: '192.0.2.1', port: 1 }
  const decode = (bytes: Buffer) => decodeNetflow(bytes, sender, exporters, HEADER.exportSecs * 1000)
  expect(decode(templateMessage(HEADER))).toMatchObject({ records: [], malformed: 0 })
  const { records, malformed, unreadable, missing } = decode(dataMessage(HEADER, [V4, PING, V4]))
  expect({ malformed, unreadable, missing }).toEqual({ malformed: 0, unreadable: 0, missing: 0 })
  const common = { flowStart: '2026-09-21T14:13:10.123Z', flowEnd: '2026-09-21T14:13:19.654Z' }
  const first = {
    ...common,
    sourceAddress: '192.0.2.9',
    destinationAddress: '198.51.100.7',
    protocolIdentifier: 6,
    sourceTransportPort: 50_000,
    destinationTransportPort: 443,
    octetDeltaCount: 2 ** 40,
    packetDeltaCount: 3,
    flowEndReason: 3,
    elements: {
      flowId: V4.flowId,
      reverseOctetDeltaCount: 4000,
      reversePacketDeltaCount: 4,
      postNATSourceIPv4Address: '203.0.113.1',
      postNATDestinationIPv4Address: '198.51.100.7',
      postNAPTSourceTransportPort: 1024,
      postNAPTDestinationTransportPort: 443,
    },
  }
  const ping = {
    ...common,
    sourceAddress: PING.sourceAddress,
    destinationAddress: PING.destinationAddress,
    protocolIdentifier: 58,
    icmpTypeCode: 0x8000,
    octetDeltaCount: 208,
    packetDeltaCount: 2,
    elements: { reverseOctetDeltaCount: 104, postNATSourceIPv6Address: PING.sourceAddress },
  }
  expect(records.map(({ record }) => record)).toMatchObject([first, first, ping])
})
