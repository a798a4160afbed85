import type { Facts } from './facts.ts'
import type { OldInterface } from './interfaces.ts'
import type { OldPeer } from './ppp.ts'
import { DOCKER_DEVICE } from './zones.ts'

/** How the old router reached the Internet, as far as its files say. */
export interface OldUplink {
  /** The port below, by its old name. */
  readonly port?: string
  readonly from: string
  readonly peer?: OldPeer
  /** Its address, when it was a static one. */
  readonly fixed?: OldInterface
  /** The devices of the WAN in rules: the port, the session. */
  readonly devices: readonly string[]
}

export function uplinkOf({ interfaces, peers, iptables }: Facts): OldUplink {
  const masked = new Set(
    (iptables?.tables ?? [])
      .filter(({ name }) => name === 'nat')
      .flatMap(({ rules }) => rules)
      .filter(
        ({ target, chain }) => chain === 'POSTROUTING' && (target === 'MASQUERADE' || target === 'SNAT'),
      )
      .flatMap(({ conditions }) =>
        conditions.flatMap((one) =>
          one.kind === 'out' && !one.not && !DOCKER_DEVICE.test(one.device) ? [one.device] : [],
        ),
      ),
  )
  const session = interfaces.find(({ method }) => method === 'ppp')
  const pppoe = peers.filter(({ isPppoe }) => isPppoe)
  const named = pppoe.find(({ file }) => file.endsWith(`/${session?.provider ?? 'dsl-provider'}`)) ?? pppoe[0]
  const outward = interfaces.find(
    ({ name, method, gateway }) =>
      method === 'dhcp' || (method === 'static' && gateway !== undefined && !name.startsWith('ppp')),
  )
  const isPpp = named !== undefined || [...masked].some((device) => device.startsWith('ppp'))
  const port = named?.port ?? session?.below ?? (isPpp ? undefined : (outward?.name ?? [...masked][0]))
  const devices = [...masked, ...(isPpp ? ['ppp0'] : []), ...(port === undefined ? [] : [port])]
  return {
    ...(port !== undefined && { port }),
    ...(named && { peer: named }),
    ...(!isPpp && outward?.method === 'static' && outward.name === port && { fixed: outward }),
    from: named?.file ?? session?.from ?? outward?.from ?? 'the rule of MASQUERADE',
    devices: [...new Set(devices)],
  }
}
