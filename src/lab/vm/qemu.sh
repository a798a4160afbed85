#!/bin/bash
# Runs a virtual machine in the lab's own namespaces: it ends with the lab.
# usage: qemu.sh FOLDER CGROUP_PROCS_FILE... -- QEMU...
set -eu
folder=$1
shift
while [ "$1" != -- ]; do
  echo $$ >"$1"
  shift
done
shift
echo $$ >"$folder/qemu.pid"
exec "$@"
