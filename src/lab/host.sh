#!/bin/bash
# Becomes one simple host of the lab: own network and mounts, a tree of its own over the shared one.
# usage: host.sh NAME TREE, already in new network, mount and UTS namespaces
set -eu
name=$1 tree=$2 live=/run/hosts/$1
bash "$(dirname "$0")/kernel-defaults.sh"
mkdir -p "$live/upper" "$live/work" "$live/root"
mount -t overlay "lab-$name" -o "lowerdir=$tree,upperdir=$live/upper,workdir=$live/work" "$live/root"
cd "$live/root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs -o mode=755 dev dev
for node in null zero full random urandom tty; do
  touch "dev/$node"
  mount --bind "/dev/$node" "dev/$node"
done
mkdir -p dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs shm dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
mount -t tmpfs -o mode=755 run run
printf '127.0.0.1\tlocalhost\n127.0.1.1\t%s\n::1\tlocalhost\n' "$name" >etc/hosts
printf '%s\n' "$name" >etc/hostname
hostname "$name"
ip link set lo up
mkdir -p .before
pivot_root . .before
umount -l /.before
rmdir /.before
exec sleep infinity
