import type { Router } from '../model.ts'
import { NFT_TABLE, PATHS } from '../paths.ts'
import { generatedHeader } from './header.ts'

/*
 * What runs at boot before anything else: plain sh, because a router must come up without Node and Docker.
 */

/**
 * boot.sh: goes back to the confirmed generation when an apply was cut short. `places.tsv` in a generation says
 * which paths in /etc it placed (see generation.ts); what the unconfirmed one added goes, and what it saved returns.
 */
export function renderBootScript(): string {
  return `${generatedHeader('core')}set -u
# While an apply runs, current is ahead of confirmed for good reason.
flock --nonblock ${PATHS.lock} true || exit 0
root=/etc/sekisho
tab=$(printf '\\t')
confirmed=$(readlink "$root/confirmed") || exit 0
current=$(readlink "$root/current") || current=
[ "$confirmed" != "$current" ] || exit 0
[ -d "$root/$confirmed" ] || exit 0
echo "sekisho: an apply was cut short: going back from \${current:-nothing} to $confirmed"
ln -sfn "$confirmed" "$root/.current.boot" && mv -T "$root/.current.boot" "$root/current"
number=\${current#generations/}
case $number in
  '' | *[!0-9]*) ;;
  *)
    # For sekisho-mend.service: Docker brings up the containers as they were when the power went.
    why='the machine was started again before it was confirmed'
    printf '{"version":1,"phase":"applying","to":%s,"base":%s,"why":"%s"}\\n' "$number" "$number" "$why" \
      >${PATHS.fellBack}
    chmod 600 ${PATHS.fellBack}
    ;;
esac
if [ -n "$current" ] && [ -f "$root/$current/places.tsv" ]; then
  while IFS="$tab" read -r kind path target; do
    grep -qF "$tab$path$tab" "$root/$confirmed/places.tsv" && continue
    rm -f "$path"
    saved=$root/saved/files$path
    if [ -e "$saved" ] || [ -L "$saved" ]; then mv -T "$saved" "$path"; fi
  done <"$root/$current/places.tsv"
fi
while IFS="$tab" read -r kind path target; do
  mkdir -p "\${path%/*}"
  case $kind in
    link) [ "$(readlink "$path")" = "$target" ] || { ln -sfn "$target" "$path.sekisho" && mv -T "$path.sekisho" "$path"; } ;;
    copy) cmp -s "$target" "$path" || { cp -p "$target" "$path.sekisho" && mv -T "$path.sekisho" "$path"; } ;;
  esac
done <"$root/$confirmed/places.tsv"
# systemd has read the other one's name by now.
sed -n '/^[^#]/{p;q}' /etc/hostname >/proc/sys/kernel/hostname
systemctl --no-block daemon-reload
`
}

/**
 * firewall.sh: loads the table, and only then lets packets be forwarded. When the table does not load, forwarding
 * stays off and a minimal one is loaded, so that the router is closed and can still be repaired by SSH.
 */
export function renderFirewallScript(): string {
  return `${generatedHeader('core')}set -u
root=${PATHS.current}
forward() {
  for key in /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding; do
    # Writing an unchanged value would still reset the other settings of every link.
    if [ -w "$key" ] && [ "$(cat "$key")" != "$1" ]; then echo "$1" >"$key"; fi
  done
}
if nft -f "$root/sekisho.nft"; then
  if [ -e ${PATHS.down} ]; then
    forward 0
  else
    forward 1
  fi
  /usr/lib/systemd/systemd-sysctl /etc/sysctl.d/9?-sekisho*.conf || echo "sekisho: some kernel settings were refused"
  exit 0
fi
forward 0
echo "sekisho: the firewall did not load: forwarding is off, and only SSH and ping from inside are let in"
nft -f "$root/lockdown.nft"
exit 1
`
}

/** lockdown.nft: what is loaded when the real table is refused; it uses nothing a kernel may lack. */
export function renderLockdown({ networks }: Router): string {
  const inside = networks.filter((n) => n.routerAccess.includes('ssh')).map((n) => `"${n.device}"`)
  const ssh = inside.map(
    (device) => `    iifname ${device} tcp dport 22 accept comment "core: repair by SSH"\n`,
  )
  return `${generatedHeader('core')}table inet ${NFT_TABLE}
delete table inet ${NFT_TABLE}
table inet ${NFT_TABLE} {
  chain input {
    type filter hook input priority filter; policy drop;
    iifname "lo" accept comment "core: loopback"
    ct state established,related accept comment "core: answers"
    meta l4proto { icmp, icmpv6 } accept comment "core: neighbours and errors"
    udp sport 67 udp dport 68 accept comment "core: our own DHCP lease"
    udp dport 546 accept comment "core: our own DHCPv6 lease"
${ssh.join('')}  }
  chain forward {
    type filter hook forward priority filter; policy drop;
  }
}
`
}
