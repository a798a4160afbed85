#!/bin/bash
# Gives the new network namespace it runs in what a freshly booted kernel has. Namespaces inherit what the building
# machine has set, forwarding among it: of IPv4 always, of IPv6 if net.core.devconf_inherit_init_net says so.
set -eu
cd /proc/sys/net
# What is not 0 in the kernel's ipv4_devconf and ipv6_devconf.
v4=(
  accept_redirects=1 send_redirects=1 secure_redirects=1 shared_media=1 arp_evict_nocarrier=1
  igmpv2_unsolicited_report_interval=10000 igmpv3_unsolicited_report_interval=1000
)
v6=(accept_ra=1 accept_redirects=1 autoconf=1)

value() {
  local name=$1 pair
  shift
  for pair; do [ "${pair%%=*}" != "$name" ] || { echo "${pair#*=}"; return; }; done
  echo 0
}

# First, as the kernel sets others along with it.
echo 0 >ipv4/ip_forward
echo 0 >ipv6/conf/all/forwarding
for file in ipv4/conf/*/*; do
  name=${file##*/}
  # The first cannot be written; the others are the loopback's own.
  case $name in mc_forwarding | disable_policy | disable_xfrm) continue ;; esac
  value "$name" "${v4[@]}" >"$file"
done
for link in default lo; do echo 1 >ipv4/conf/$link/accept_source_route; done
for link in all default; do
  for name in forwarding accept_ra accept_ra_rt_info_max_plen accept_redirects accept_source_route addr_gen_mode \
    autoconf disable_ipv6 proxy_ndp use_tempaddr; do
    value "$name" "${v6[@]}" >ipv6/conf/$link/$name
  done
done
echo 0 >ipv6/conf/lo/disable_ipv6
