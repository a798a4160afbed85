import { z } from 'zod'
import type { ConnectionRow, QuestionRow } from '../api.ts'
import { NO_DEVICES } from './conditions.ts'
import { connectionRow } from './connections.ts'
import type { HolderAt } from './holders.ts'
import { questionRow } from './questions.ts'

/*
 * Rows of lines of the log, as they come. A line is what a program of ours wrote of what strangers sent: one that is not as
 * expected is passed over, for it is in the lists all the same.
 */

const Text = z.string()
const Port = z.number().optional()
const Count = z.number().catch(0)

const Question = z.object({
  time: Text,
  clientAddress: Text,
  serverAddress: Text,
  localResolver: z.boolean().optional(),
  queryName: Text.optional(),
  queryType: Text.optional(),
  responseCode: Text.optional(),
  status: Text.optional(),
  responseTimeMicroseconds: z.number().optional(),
  answers: z.array(z.object({ data: Text })).optional(),
})

const Flow = z.object({
  time: Text,
  flowStart: Text.optional(),
  flowEnd: Text.optional(),
  flowId: z.number(),
  protocolIdentifier: z.number(),
  sourceAddress: Text,
  destinationAddress: Text,
  sourceTransportPort: Port,
  destinationTransportPort: Port,
  sourceZone: Text.optional(),
  destinationZone: Text.optional(),
  postNatSourceAddress: Text.optional(),
  postNaptSourceTransportPort: Port,
  postNatDestinationAddress: Text.optional(),
  postNaptDestinationTransportPort: Port,
  destinationName: Text.optional(),
  destinationNameStatus: Text.optional(),
  applicationName: Text.optional(),
  octetDeltaCount: Count,
  reverseOctetDeltaCount: Count,
  packetDeltaCount: Count,
  reversePacketDeltaCount: Count,
  tcpState: Text.optional(),
})

const MOST_ANSWERS = 4

export function liveQuestion(
  line: string,
  holderAt: HolderAt,
  own: readonly string[],
): QuestionRow | undefined {
  const record = Question.safeParse(parsed(line)).data
  const time = dateOf(record?.time)
  if (!record || !time) return undefined
  const { queryName, queryType, clientAddress, serverAddress, responseCode, status, answers } = record
  return questionRow(
    {
      time,
      queryName: queryName ?? null,
      queryType: queryType ?? null,
      outcome: outcomeOf(status, responseCode),
      responseCode: responseCode ?? null,
      latency: record.responseTimeMicroseconds ?? null,
      clientAddress,
      serverAddress,
      bypass: record.localResolver === false && !own.includes(clientAddress),
      given: (answers ?? []).slice(0, MOST_ANSWERS).map(({ data }) => data),
    },
    holderAt,
  )
}

/** What became of a question, as OUTCOME of conditions.ts has it. */
function outcomeOf(status: string | undefined, responseCode: string | undefined): QuestionRow['outcome'] {
  if (status === 'timeout') return 'timeout'
  return responseCode === 'NOERROR' ? 'answered' : responseCode === 'NXDOMAIN' ? 'nxdomain' : 'failed'
}

export function liveConnection(line: string, holderAt: HolderAt): ConnectionRow | undefined {
  const record = Flow.safeParse(parsed(line)).data
  const time = dateOf(record?.time)
  if (!record || !time) return undefined
  const { flowStart, flowEnd, flowId, protocolIdentifier, sourceZone, destinationName, ...rest } = record
  return connectionRow(
    {
      ...Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, value ?? null])),
      time,
      sourceZone: sourceZone ?? null,
      destinationName: destinationName ?? null,
      flowId: String(flowId),
      startMs: (dateOf(flowStart) ?? time).getTime(),
      endMs: (dateOf(flowEnd) ?? time).getTime(),
      protocol: protocolIdentifier,
      unresolved:
        sourceZone !== undefined &&
        !NO_DEVICES.includes(sourceZone) &&
        record.destinationZone === 'wan' &&
        destinationName === undefined &&
        record.destinationNameStatus !== 'local',
      sent: record.octetDeltaCount,
      returned: record.reverseOctetDeltaCount,
      packets: record.packetDeltaCount + record.reversePacketDeltaCount,
    },
    holderAt,
  )
}

function dateOf(text: string | undefined): Date | undefined {
  const ms = Date.parse(text ?? '')
  return Number.isFinite(ms) ? new Date(ms) : undefined
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
