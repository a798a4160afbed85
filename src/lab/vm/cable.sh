#!/bin/bash
# Joins a virtual machine's port with a cable that lies in the lab's own namespace: a tap for qemu and a bridge that
# passes every frame, tagged ones too. Doing it again changes nothing.
# usage: cable.sh TAP [PORT]...
set -eu
tap=$1
shift
for setting in iptables ip6tables arptables; do
  # Where the kernel filters bridged packets, this one is a wire and no filter.
  file=/proc/sys/net/bridge/bridge-nf-call-$setting
  [ ! -e "$file" ] || echo 0 >"$file"
done
[ -e "/sys/class/net/$tap" ] || ip tuntap add dev "$tap" mode tap
[ -e "/sys/class/net/br-$tap" ] || ip link add "br-$tap" type bridge forward_delay 0 mcast_snooping 0 group_fwd_mask 0xfff8
for link in "$tap" "br-$tap" "$@"; do
  echo 1 >"/proc/sys/net/ipv6/conf/$link/disable_ipv6"
  # One that is in another cable already stays there.
  [ "$link" = "br-$tap" ] || [ -e "/sys/class/net/$link/master" ] || ip link set "$link" master "br-$tap"
  ip link set "$link" up
done
# A bridge keeps frames for its own ports' addresses, and the cable's end in here was made with the machine's.
for port; do
  address=$(cat "/sys/class/net/$port/address")
  ip link set "$port" address "06:${address#*:}"
done
