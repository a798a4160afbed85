/** A line that a container wrote to stdout or stderr (kind "container"). */
export interface ContainerRecord {
  /** When Docker read the line: RFC 3339, UTC, nanoseconds. */
  readonly time: string
  readonly containerName: string
  /** The first 12 hex digits, as `docker ps` shows them. */
  readonly containerId: string
  /** Compose project and service, absent for a container started otherwise. */
  readonly project?: string
  readonly service?: string
  /** The module of ours that the container belongs to. */
  readonly module?: string
  readonly stream: 'stdout' | 'stderr'
  /** The line without its line feed. */
  readonly log: string
  /** The line goes on in the next record of this stream: it was longer than the recorder joins, or cut off. */
  readonly partial?: true
}
