#!/bin/bash
# Process 1 of a small virtual machine of the lab: file systems, the ports' names, and the way in for commands.
# usage, as kernel parameters: init=… lab.host=NAME lab.ports=MAC=PORT,…
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mountpoint -q /dev || mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs -o mode=755 run /run
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
read -r words </proc/cmdline
for word in $words; do
  case $word in
    lab.host=*) hostname "${word#*=}"; printf '127.0.0.1\tlocalhost\n127.0.1.1\t%s\n' "${word#*=}" >/etc/hosts ;;
    lab.ports=*) ports=${word#*=} ;;
  esac
done
modprobe virtio_net
ip link set lo up
for pair in ${ports//,/ }; do
  for link in /sys/class/net/*; do
    [ "$(cat "$link/address")" != "${pair%%=*}" ] || ip link set "${link##*/}" name "${pair#*=}"
  done
done
echo "small machine ready"
perl /usr/lib/sekisho-lab/exec-agent.pl &
# Bash reaps whatever orphans come to it while it waits.
while :; do
  sleep infinity &
  wait $! || true
done
