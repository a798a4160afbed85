#!/bin/bash
# Makes a disk: a file system with a tree of layers, and other folders in their places in it. The mounts are this
# process's own (unshare --mount), and nothing of the trees is copied before.
# usage: make-disk.sh LAYERS WORK DISK SIZE [FOLDER=PLACE]...; LAYERS as overlay's lowerdir, topmost first
set -eu
layers=$1 work=$2 disk=$3 size=$4
shift 4
mkdir "$work/merged"
mount -t overlay lab-disk -o "lowerdir=$layers" "$work/merged"
for pair; do mount --bind "${pair%%=*}" "$work/merged/${pair#*=}"; done
# What is not written takes no room.
mke2fs -q -t ext4 -E root_owner=0:0 -d "$work/merged" "$disk" "$size"
umount --recursive "$work/merged"
rmdir "$work/merged"
