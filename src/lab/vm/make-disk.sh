#!/bin/bash
# Makes a disk: a file system with a tree, what the lab adds to it, and a kernel's modules. The mounts are this
# process's own (unshare --mount), and nothing of the trees is copied before.
# usage: make-disk.sh TREE LAYER MODULES WORK DISK SIZE
set -eu
tree=$1 layer=$2 modules=$3 work=$4 disk=$5 size=$6
mkdir "$work/merged"
mount -t overlay lab-disk -o "lowerdir=$layer:$tree" "$work/merged"
mount --bind "$modules" "$work/merged/usr/lib/modules"
# Same options as Debian's installer would choose; what is not written takes no room.
mke2fs -q -t ext4 -E root_owner=0:0,hash_seed=00000000-0000-4000-8000-000000000001 -d "$work/merged" "$disk" "$size"
umount "$work/merged/usr/lib/modules" "$work/merged"
rmdir "$work/merged"
