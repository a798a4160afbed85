#!/bin/bash
# Process 1 of the lab's own process, mount and network namespaces: when it ends, the kernel ends everything else.
# It ends by itself unless `lab up`, at the other end of its standard input, says to stay.
set -eu
# systemd-nspawn leaves locks in /run: in ours, not in the building machine's.
mount -t tmpfs -o mode=755 lab-run /run
mkdir -p /run/hosts /run/router
ip link set lo up
echo ready
read -r word || exit 1
[ "$word" = stay ] || exit 1
exec </dev/null >/dev/null 2>&1
# Bash reaps whatever orphans come to it while it waits.
while :; do
  sleep infinity &
  wait $! || true
done
