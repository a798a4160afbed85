import type { Router } from '../model.ts'
import type { Unit } from '../module.ts'
import { PATHS } from '../paths.ts'
import { generatedHeader } from './header.ts'
import { renderPppoeUnit } from './pppoe.ts'

/** A unit of the core; `watches` are paths of the generation whose change restarts it. */
export interface CoreUnit extends Unit {
  readonly watches?: readonly string[]
  readonly reconnects?: true
}

export interface UnitOptions {
  /** A module sends requests to the host. */
  readonly requests?: boolean
}

/**
 * The core's systemd.unit(5) files: the way back after a crash, early and late, the firewall, the host agent and who answers
 * its requests, a PPPoE session.
 */
export function renderUnits(router: Router, { requests = false }: UnitOptions = {}): CoreUnit[] {
  return [
    { name: 'sekisho-boot.service', text: BOOT },
    { name: 'sekisho-firewall.service', text: FIREWALL },
    { name: 'sekisho-mend.service', text: MEND },
    { name: 'sekishod.service', text: AGENT, watches: ['agent.json'] },
    ...(requests
      ? [
          { name: 'sekisho-requests.socket', text: REQUESTS_SOCKET },
          { name: 'sekisho-requests.service', text: REQUESTS, enable: false },
        ]
      : []),
    ...renderPppoeUnit(router),
  ]
}

const BOOT = `${generatedHeader('core')}
[Unit]
Description=Sekisho: go back to the confirmed configuration
DefaultDependencies=no
After=systemd-remount-fs.service
Before=sysinit.target systemd-sysctl.service systemd-modules-load.service systemd-tmpfiles-setup.service systemd-networkd.service network-pre.target
Conflicts=shutdown.target
Before=shutdown.target
RequiresMountsFor=/etc/sekisho

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'test ! -e ${PATHS.confirmed}/boot.sh || exec /bin/sh ${PATHS.confirmed}/boot.sh'

[Install]
WantedBy=sysinit.target
`

const FIREWALL = `${generatedHeader('core')}
[Unit]
Description=Sekisho: firewall, then forwarding
DefaultDependencies=no
After=sekisho-boot.service systemd-modules-load.service systemd-sysctl.service local-fs.target
Wants=network-pre.target
Before=network-pre.target systemd-networkd.service docker.service
Conflicts=shutdown.target
Before=shutdown.target
ConditionPathExists=${PATHS.current}/sekisho.nft

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh ${PATHS.current}/firewall.sh
TimeoutStartSec=60

[Install]
WantedBy=sysinit.target
`

/**
 * boot.sh is early and knows no Docker. What it could not put right, the way back of an apply does, later; and the whole
 * way back from a first apply that another boot saw.
 */
const MEND = `${generatedHeader('core')}
[Unit]
Description=Sekisho: containers go back to the confirmed configuration too
After=docker.service sekisho-firewall.service systemd-networkd.service
StartLimitIntervalSec=0

[Service]
Type=exec
RemainAfterExit=yes
ExecStart=/bin/sh -c 'if test -e ${PATHS.fellBack} || { test -e ${PATHS.firstApply} && ! grep -qF "$$(cat /proc/sys/kernel/random/boot_id)" ${PATHS.firstApply}; }; then exec ${PATHS.install}/current/sekisho rollback --unconfirmed; fi'
Restart=on-failure
RestartSec=10

[Install]
WantedBy=multi-user.target
`

/**
 * The agent idles for years in less than 60 MB: a small young generation, no optimising compilers for code that runs
 * a few times a minute, and code from the cache, or Node would keep its TypeScript stripper in memory.
 */
const AGENT_COMMAND = [
  `${PATHS.install}/current/bin/node`,
  '--max-semi-space-size=1 --no-opt --no-maglev --no-sparkplug',
  `${PATHS.install}/current/src/agent/main.ts`,
].join(' ')

const AGENT = `${generatedHeader('core')}
[Unit]
Description=Sekisho: host agent (names of leases, IPv6 routes, WAN watchdog)
After=sekisho-firewall.service systemd-networkd.service
ConditionPathExists=!${PATHS.down}
StartLimitIntervalSec=0

[Service]
Type=exec
CacheDirectory=sekisho
Environment=NODE_COMPILE_CACHE=/var/cache/sekisho/node
ExecStartPre=-${AGENT_COMMAND} --warm
ExecStart=${AGENT_COMMAND}
Restart=always
RestartSec=2
UMask=0022
CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW CAP_DAC_OVERRIDE CAP_CHOWN CAP_FOWNER
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths=/run ${PATHS.data}
ProtectHome=yes
PrivateTmp=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectClock=yes
ProtectHostname=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK AF_PACKET
SystemCallArchitectures=native

[Install]
WantedBy=multi-user.target
`

/** Where a module that asks the host finds it (src/agent/requests/): root's alone. */
export const REQUEST_SOCKET = `${PATHS.requests}/agent.sock`

const REQUESTS_SOCKET = `${generatedHeader('core')}
[Unit]
Description=Sekisho: typed requests to the host
ConditionPathExists=!${PATHS.down}

[Socket]
ListenStream=${REQUEST_SOCKET}
SocketMode=0600
DirectoryMode=0700
Backlog=16
RemoveOnStop=yes

[Install]
WantedBy=sockets.target
`

/**
 * Not within sekishod: its sandbox could not apply anything, and an apply restarts it. It has no sandbox of its own, since it
 * runs `sekisho apply`, and ends when nobody asks. An apply that it began lives on without it.
 */
const REQUESTS = `${generatedHeader('core')}
[Unit]
Description=Sekisho: answers typed requests to the host
Requires=sekisho-requests.socket
After=sekisho-requests.socket
# Whoever asks often begins it often; a limit would close the socket for good.
StartLimitIntervalSec=0

[Service]
Type=exec
CacheDirectory=sekisho
Environment=NODE_COMPILE_CACHE=/var/cache/sekisho/node
ExecStart=${PATHS.install}/current/bin/node ${PATHS.install}/current/src/agent/requests/main.ts
KillMode=process
UMask=0022
`
