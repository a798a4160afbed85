import { isIP } from 'node:net'

const CONTROL = '/run/softflowd/ctl'

export interface Capture {
  readonly device: string
  /** What records call the interface (ingressInterface, egressInterface). */
  readonly index: number
}

export interface Export {
  readonly version: 5 | 9 | 10
  readonly host: string
  readonly port: number
  /** One of so many packets is looked at. */
  readonly sampling: number
  readonly maxLifeSecs: number
}

/** softflowd's arguments for one interface (softflowd(8) 1.1.0). */
export function captureArguments({ device, index }: Capture, to: Export): string[] {
  const { version, host, port, sampling, maxLifeSecs } = to
  const bracketed = isIP(host) === 6 ? `[${host}]` : host
  return [
    // In the foreground. It then keeps its rights, of which it has one.
    '-d',
    // Not promiscuous: what is for others is no traffic of this router.
    '-N',
    '-i',
    `${index}:${device}`,
    '-n',
    `${bracketed}:${port}`,
    '-v',
    String(version),
    ...(version === 10 ? ['-A', 'milli'] : []),
    ...(sampling > 1 ? ['-s', String(sampling)] : []),
    '-t',
    `maxlife=${maxLifeSecs}`,
    '-c',
    CONTROL,
    '-p',
    '/run/softflowd/pid',
    // Its own records, where they go out at the interface.
    ...(isIP(host) === 0
      ? [`not (udp and dst port ${port})`]
      : [`not (dst host ${host} and udp dst port ${port})`]),
  ]
}

/** Its control socket answers: softflowctl(8). */
export const HEALTH = ['softflowctl', '-c', CONTROL, 'statistics'] as const
