import { generatedHeader } from './header.ts'

export interface RsyslogForward {
  /** The module that takes the lines. */
  readonly module: string
  readonly address: string
  readonly port: number
  /** How rsyslog writes a line (its "String Template" names). */
  readonly template: 'RSYSLOG_SyslogProtocol23Format' | 'RSYSLOG_TraditionalForwardFormat'
}

/**
 * The host's syslog to a module over TCP with octet counting (RFC 6587). While the module is down rsyslog queues, in memory
 * first and then on disk, and never lets a full queue hold up the programs that log. One message at a time: of the batch
 * with which it finds the connection broken, omfwd loses what it had begun.
 */
export function renderRsyslogForward({ module, address, port, template }: RsyslogForward): string {
  return `${generatedHeader(module)}action(
  type="omfwd"
  name="sekisho-${module}"
  target="${address}"
  port="${port}"
  protocol="tcp"
  TCP_Framing="octet-counted"
  template="${template}"
  action.resumeRetryCount="-1"
  action.resumeInterval="5"
  action.resumeIntervalMax="10"
  queue.type="LinkedList"
  queue.size="10000"
  queue.dequeueBatchSize="1"
  queue.spoolDirectory="/var/spool/rsyslog"
  queue.filename="sekisho-${module}"
  queue.maxDiskSpace="64m"
  queue.saveOnShutdown="on"
  queue.timeoutEnqueue="0"
)
`
}
