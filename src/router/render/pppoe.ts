import type { WanConfig } from '../../config/schema.ts'
import { shellQuote } from '../../lib/shell-quote.ts'
import type { Router } from '../model.ts'
import { PATHS } from '../paths.ts'
import { PPP_RUN, PPP_SESSION, PPPOE_UNIT } from '../ppp-session.ts'
import { generatedHeader } from './header.ts'
import type { RenderedFile } from './networkd.ts'

/*
 * The PPPoE session (RFC 2516): pppd with the kernel's own PPPoE, in a loop of plain sh, because a router must come up
 * without Node and Docker.
 */

type Pppoe = Extract<WanConfig, { mode: 'pppoe' }>

/** Paths inside the generation whose change means a new session. */
const FILES = { loop: 'pppoe.sh', options: 'pppoe.options', up: 'pppoe-up.sh' } as const

/** pppd's options and the scripts around it; none when the WAN is no PPPoE session. */
export function renderPppoe({ wan }: Router): RenderedFile[] {
  const { config } = wan
  if (config.mode !== 'pppoe') return []
  return [
    { path: FILES.loop, text: loopScript(wan.member.device, config.password_file) },
    { path: FILES.options, text: pppdOptions(wan, config) },
    { path: FILES.up, text: UP, mode: 0o755 },
  ]
}

/** The session's unit; none when the WAN is no PPPoE session. */
export function renderPppoeUnit({ wan }: Router) {
  if (wan.config.mode !== 'pppoe') return []
  return [{ name: PPPOE_UNIT, text: UNIT, watches: Object.values(FILES), reconnects: true } as const]
}

/** A word of pppd's option files: in double quotes, where a backslash takes the next sign as it is (pppd(8)). */
function word(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}

function pppdOptions({ device, member, mtu, ipv6 }: Router['wan'], config: Pppoe): string {
  const { username, service_name, ac_name, lcp_echo_secs, lcp_echo_failures } = config
  return `${generatedHeader('core')}plugin pppoe.so
plugin passwordfd.so
nic-${member.device}
ifname ${device}
${service_name === undefined ? '' : `pppoe-service ${word(service_name)}\n`}${
  ac_name === undefined ? '' : `pppoe-ac ${word(ac_name)}\n`
}# Asked for three times, in 2, 4 and 8 seconds; then ${FILES.loop} decides when to try again.
pppoe-padi-timeout 2
pppoe-padi-attempts 3
user ${word(username)}
hide-password
# The provider does not authenticate itself to its customers.
noauth
mtu ${mtu}
mru ${mtu}
lcp-echo-interval ${lcp_echo_secs}
lcp-echo-failure ${lcp_echo_failures}
# RFC 2516 section 7 wants none of them over PPPoE; compression is no use either.
noaccomp
nopcomp
noccp
novj
noipdefault
ipcp-accept-local
ipcp-accept-remote
usepeerdns
noresolvconf
# ${FILES.up} sets the route, whatever default route there was; systemd-networkd asks for IPv6's.
nodefaultroute
${ipv6 ? '+ipv6\nipv6cp-accept-local' : 'noipv6'}
ip-up-script ${PATHS.current}/${FILES.up}
nodetach
nopersist
maxfail 1
`
}

/**
 * pppoe.sh: one pppd after another. A session that held for a minute is built anew at once; otherwise the pause doubles,
 * to half a minute, and to five after a refused password. A cable that comes back ends the pause.
 */
function loopScript(port: string, passwordFile: string): string {
  return `${generatedHeader('core')}set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
port=${shellQuote(port)}
secret=${shellQuote(passwordFile)}
session=${PPP_SESSION}
said=${PPP_RUN}/said

# What the agent and "sekisho status" read; up.sh writes it while the session is up.
tell() {
  printf '%s\\n' "$@" "since=$(date +%s)" >"$session.new" && mv -f "$session.new" "$session"
}
carrier() {
  [ "$(cat "/sys/class/net/$port/carrier" 2>/dev/null)" = 1 ]
}
seconds() {
  read -r up _ </proc/uptime
  echo "\${up%.*}"
}

failures=0
last=
while :; do
  if ! carrier; then
    tell state=no-carrier
    until carrier; do sleep 1; done
    failures=0
  fi
  tell state=connecting $last
  password=
  if [ -r "$secret" ]; then IFS= read -r password <"$secret"; fi
  password=\${password%"$(printf '\\r')"}
  began=$(seconds)
  if [ -n "$password" ]; then
    # By a pipe: neither a list of processes nor a file shows it, and no sign in it means anything.
    printf %s "$password" | pppd file ${PATHS.current}/${FILES.options} passwordfd 0 >"$said" 2>&1
    code=$?
    # The hanging up that follows hides the reason.
    if grep -qE '^(CHAP|PAP|EAP)\\b.*authentication fail' "$said"; then code=19; fi
    if grep -q '^No response to .* echo-requests' "$said"; then code=15; fi
  else
    echo "sekisho: $secret is missing or its first line is empty"
    code=password-file
  fi
  password=
  if grep -qx state=up "$session" && [ $(($(seconds) - began)) -ge 60 ]; then
    failures=0
    pause=1
  else
    failures=$((failures + 1))
    case $code in
      19) pause=$((failures > 5 ? 300 : 5 << failures)) ;;
      *) pause=$((failures > 5 ? 30 : 1 << (failures - 1))) ;;
    esac
  fi
  last="exit=$code failures=$failures"
  tell state=waiting $last "retry_secs=$pause"
  echo "sekisho: the PPPoE session ended ($last), next try in $pause s"
  while [ "$pause" -gt 0 ] && carrier; do
    sleep 1
    pause=$((pause - 1))
  done
done
`
}

/** pppd runs it with the device, the port, the speed and both addresses; DNS1, DNS2 and MACREMOTE are in the environment. */
const UP = `#!/bin/sh
${generatedHeader('core')}set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
ip -4 route replace default dev "$1"
{
  echo state=up
  echo "local=$4"
  echo "peer=$5"
  echo "dns=\${DNS1-} \${DNS2-}"
  echo "concentrator=\${MACREMOTE-}"
  echo "since=$(date +%s)"
} >${PPP_SESSION}.new && mv -f ${PPP_SESSION}.new ${PPP_SESSION}
`

const UNIT = `${generatedHeader('core')}
[Unit]
Description=Sekisho: PPPoE session
After=sekisho-firewall.service systemd-networkd.service systemd-tmpfiles-setup.service
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=/bin/sh ${PATHS.current}/${FILES.loop}
ExecStopPost=/bin/rm -f ${PPP_SESSION} ${PPP_RUN}/said
Restart=always
RestartSec=2
TimeoutStopSec=15
# What else is configured for pppd on this machine is for other links.
TemporaryFileSystem=/etc/ppp:ro
CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW CAP_DAC_READ_SEARCH
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths=/run
ProtectHome=read-only
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectClock=yes
ProtectHostname=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK AF_PACKET AF_PPPOX
SystemCallArchitectures=native

[Install]
WantedBy=multi-user.target
`

/** The line of tmpfiles.d(5) for the session's state; empty when the WAN is no PPPoE session. */
export function pppoeTmpfiles({ config }: Router['wan']): string {
  return config.mode === 'pppoe' ? `d ${PPP_RUN} 0755 root root -\n` : ''
}
