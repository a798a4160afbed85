import { generatedHeader } from '../../router/render/header.ts'

/** What the recorder's process reads (src/recorder/settings.ts): a test holds the two together. */
interface Settings {
  readonly data: string
  readonly site: string
  readonly status: string
  readonly retentionDays: number
  readonly maxBytes: number
  readonly dockerContainers: string
  readonly syslog: { readonly address: string; readonly port: number }
  readonly netflow: { readonly address: string; readonly port: number }
  readonly forward: {
    readonly port: number
    readonly addresses: readonly string[]
    readonly credentials?: { readonly sharedKeyFile: string; readonly usersFile?: string }
  }
  readonly forwardTo: readonly object[]
  readonly nflogGroup: number
  readonly watchSocket: string
  readonly devices: {
    readonly clients: string
    readonly vendors: string
    readonly live: string
    readonly networks: readonly { readonly name: string; readonly device: string }[]
  }
  readonly archive: object
}

/** recorder.json: JSON has no comments, so the notice is a key that the recorder does not read. */
export function renderSettings(settings: Settings): string {
  const notice = generatedHeader('recorder', '').trim()
  return `${JSON.stringify({ notice, ...settings }, null, 2)}\n`
}

/**
 * The host's syslog to the recorder: TCP with octet counting (RFC 6587), messages of RFC 5424. While the recorder is
 * down rsyslog queues, in memory first and then on disk, and never lets a full queue hold up the programs that log.
 * One message at a time: of the batch with which it finds the connection broken, omfwd loses what it had begun.
 */
export function renderRsyslog(listener: { readonly address: string; readonly port: number }): string {
  return `${generatedHeader('recorder')}action(
  type="omfwd"
  name="sekisho-recorder"
  target="${listener.address}"
  port="${listener.port}"
  protocol="tcp"
  TCP_Framing="octet-counted"
  template="RSYSLOG_SyslogProtocol23Format"
  action.resumeRetryCount="-1"
  action.resumeInterval="5"
  action.resumeIntervalMax="10"
  queue.type="LinkedList"
  queue.size="10000"
  queue.dequeueBatchSize="1"
  queue.spoolDirectory="/var/spool/rsyslog"
  queue.filename="sekisho-recorder"
  queue.maxDiskSpace="64m"
  queue.saveOnShutdown="on"
  queue.timeoutEnqueue="0"
)
`
}
