/** A syslog message (kind "syslog"), in the words of RFC 5424 section 6. */
export interface SyslogRecord {
  /** TIMESTAMP as an instant in UTC; the time of arrival when the message has none. */
  readonly time: string
  /** Set when the message had no timestamp, or one that is far from the time of arrival. */
  readonly receivedTime?: string
  /** 0 to 23. */
  readonly facility: number
  /** 0 (emergency) to 7 (debug). */
  readonly severity: number
  readonly hostname?: string
  readonly appName?: string
  readonly procId?: string
  readonly msgId?: string
  readonly structuredData?: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly msg: string
  /** How the message could be read; "raw" had no valid PRI and is stored whole in `msg` as user.notice. */
  readonly format: 'rfc5424' | 'rfc3164' | 'raw'
  /** Cut at the size limit. */
  readonly truncated?: true
}
