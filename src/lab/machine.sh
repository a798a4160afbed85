#!/bin/bash
# Runs the router machine: for each boot a fresh network namespace with the cables plugged in, so that nothing of
# the previous boot's rules survives. A reboot from inside begins again; power-off, or a kill, ends it.
# usage: machine.sh DISK TREE CGROUP_PROCS_FILE... -- PORT=NAME_IN_THE_MACHINE=MAC...
set -u
kernel=$(dirname "$0")/kernel-defaults.sh
disk=$1 tree=$2
shift 2
while [ "$1" != -- ]; do
  echo $$ >"$1" || exit 1
  shift
done
shift
root=/run/router/root
mkdir -p "$disk/upper" "$disk/work" "$disk/docker" "$root"
mountpoint -q "$root" ||
  mount -t overlay lab-router -o "lowerdir=$tree,upperdir=$disk/upper,workdir=$disk/work" "$root" || exit 1

while :; do
  before=$(readlink /proc/self/ns/net)
  unshare --net sleep infinity &
  holder=$!
  until [ "$(readlink /proc/$holder/ns/net)" != "$before" ]; do sleep 0.02; done
  namespace=$(readlink /proc/$holder/ns/net)
  # Before there are ports: they begin with what "default" says.
  nsenter --net=/proc/$holder/ns/net bash "$kernel"
  for cable; do
    IFS== read -r port name _ <<<"$cable"
    ip link set "$port" netns $holder name "$name"
  done

  # No clock: the machine would set that of the building machine.
  SYSTEMD_NSPAWN_API_VFS_WRITABLE=network systemd-nspawn --quiet --boot --directory="$root" \
    --machine=router --network-namespace-path=/proc/$holder/ns/net --register=no --keep-unit \
    --capability=all --drop-capability=CAP_SYS_TIME "--system-call-filter=add_key keyctl bpf" \
    --resolv-conf=off --timezone=off --link-journal=no \
    --bind="$disk/docker:/var/lib/docker" --console=pipe </dev/null >>"$disk/console.log" 2>&1 &
  machine=$!
  echo $machine >"$disk/machine.pid"
  wait $machine
  code=$?
  rm -f "$disk/machine.pid"

  # Cables first: a port that dies with its namespace takes the far end with it.
  for cable; do
    IFS== read -r port name mac <<<"$cable"
    nsenter --net=/proc/$holder/ns/net ip link set "$name" down
    nsenter --net=/proc/$holder/ns/net ip link set "$name" netns $$ name "$port" &&
      ip link set "$port" down address "$mac" mtu 1500
  done
  # The namespace ends with its last process.
  while [ "$(readlink /proc/[0-9]*/ns/net 2>/dev/null | grep -cxF "$namespace")" -gt 1 ]; do sleep 0.1; done
  kill -KILL $holder
  wait $holder 2>/dev/null
  # 133: systemd-nspawn --keep-unit asks to be started again.
  [ $code = 133 ] || exit $code
done
