import type { Host } from '../host.ts'
import type { Probe } from './probe.ts'
import { TEST_POINTS } from './test-points.ts'

const [A, B] = TEST_POINTS

/*
 * The addresses for testing network devices: 198.18.0.0/15 (RFC 2544, RFC 6890) and 2001:2::/48 (RFC 5180). Nobody's
 * network has them, and they are there for a moment.
 */
const FAR = { 4: '198.18.255.6', 6: '2001:2:0:ffb::2' } as const

/**
 * Pings from one namespace to another through the router and prints "4" and "6" for what was answered. The namespaces
 * are those of two processes that end by themselves, and their cables go with them: whatever becomes of us, nothing
 * is left. A cable that was just plugged in may lose the first packets: some are sent, and one answer is enough.
 * Neighbours of IPv6 are written down, for the router answers nobody on a device that is in no zone.
 */
const SCRIPT = `
own=$(readlink /proc/self/ns/net)
unshare --net sleep 10 </dev/null >/dev/null 2>&1 & a=$!
unshare --net sleep 10 </dev/null >/dev/null 2>&1 & b=$!
tidy() { for device in ${A} ${B}; do ip link delete "$device"; done 2>/dev/null; }
trap 'tidy; kill $a $b 2>/dev/null' EXIT
tidy
for pid in $a $b; do while [ "$(readlink /proc/$pid/ns/net)" = "$own" ]; do sleep 0.01; done; done
ip -batch - <<END || exit 1
link add ${A} address 02:73:6b:00:0a:01 type veth peer name point address 02:73:6b:00:0a:02 netns $a
link add ${B} address 02:73:6b:00:0b:01 type veth peer name point address 02:73:6b:00:0b:02 netns $b
link set ${A} up
link set ${B} up
address add 198.18.255.1/30 dev ${A}
address add 198.18.255.5/30 dev ${B}
END
v6=yes
ip -batch - 2>/dev/null <<END || v6=
address add 2001:2:0:ffa::1/64 dev ${A} nodad
address add 2001:2:0:ffb::1/64 dev ${B} nodad
neighbour add 2001:2:0:ffa::2 lladdr 02:73:6b:00:0a:02 dev ${A} nud permanent
neighbour add 2001:2:0:ffb::2 lladdr 02:73:6b:00:0b:02 dev ${B} nud permanent
END
end() {
  nsenter --net=/proc/$1/ns/net ip -batch - <<END
link set point up
address add $2.$(($3 + 1))/30 dev point
route add default via $2.$3
END
  [ -z "$v6" ] || nsenter --net=/proc/$1/ns/net ip -batch - <<END
address add $4::2/64 dev point nodad
neighbour add $4::1 lladdr 02:73:6b:00:$5:01 dev point nud permanent
route add ::/0 via $4::1
END
}
end $a 198.18.255 1 2001:2:0:ffa 0a && end $b 198.18.255 5 2001:2:0:ffb 0b || exit 1
ask() { nsenter --net=/proc/$a/ns/net ping "-$1" -n -q -c 1 -i 0.2 -w 3 "$2" >/dev/null 2>&1 && echo "$1"; }
ask 4 ${FAR[4]} & one=$!
ask 6 ${FAR[6]}
wait $one
exit 0
`

/**
 * Whether the kernel forwards: real packets from one test point to the other, through our forward chain and whatever
 * others have hooked in beside it. It does not need the provider, and says the same with the WAN unplugged.
 */
export function forwardingProbes(host: Host): Probe[] {
  let running: Promise<string> | undefined
  // Both families are asked by one run: the devices' names are taken while it lasts.
  const look = () => {
    running ??= run(host).finally(() => {
      running = undefined
    })
    return running
  }
  return ([4, 6] as const).map((family) => ({
    name: `forwarding (IPv${family})`,
    run: async () => ((await look()).includes(`${family}`) ? undefined : reason(host, family)),
  }))
}

async function run(host: Host): Promise<string> {
  const { code, stdout, stderr } = await host.exec(['sh', '-c', SCRIPT], { timeoutMs: 15_000 })
  if (code !== 0)
    throw new Error(`the test points could not be made: ${stderr.trim().split('\n').at(-1) ?? ''}`)
  return stdout
}

const SWITCH = {
  4: '/proc/sys/net/ipv4/ip_forward',
  6: '/proc/sys/net/ipv6/conf/all/forwarding',
} as const

async function reason(host: Host, family: 4 | 6): Promise<string> {
  const on = (await host.read(SWITCH[family]))?.trim() === '1'
  return on
    ? 'no packet came through from one test point to the other: a firewall drops it'
    : `the kernel does not forward: ${SWITCH[family]} is not 1`
}
