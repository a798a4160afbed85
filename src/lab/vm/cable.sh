#!/bin/bash
# Joins a virtual machine's port with a cable that lies in the lab's own namespace: a tap for qemu and a bridge that
# passes every frame, tagged ones too. Doing it again changes nothing. (/sys is that of another network namespace here.)
# usage: cable.sh TAP [PORT]...
set -eu
tap=$1
shift
there() { ip link show dev "$1" >/dev/null 2>&1; }
for setting in iptables ip6tables arptables; do
  # Where the kernel filters bridged packets, this one is a wire and no filter.
  file=/proc/sys/net/bridge/bridge-nf-call-$setting
  [ ! -e "$file" ] || echo 0 >"$file"
done
# A bridge keeps frames for its own ports' addresses, and the cable's end in here was made with the machine's.
for port; do
  address=$(ip -o link show dev "$port" | sed -E 's|.*link/ether ([0-9a-f:]+) .*|\1|')
  ip link set dev "$port" address "06:${address#*:}"
done
there "$tap" || ip tuntap add dev "$tap" mode tap
there "br-$tap" || ip link add "br-$tap" type bridge forward_delay 0 mcast_snooping 0 group_fwd_mask 0xfff8
for link in "$tap" "br-$tap" "$@"; do
  echo 1 >"/proc/sys/net/ipv6/conf/$link/disable_ipv6"
  # One that is in another cable already stays there.
  [ "$link" = "br-$tap" ] || ip -o link show dev "$link" | grep -q ' master ' || ip link set dev "$link" master "br-$tap"
  ip link set dev "$link" up
done
