#!/bin/sh
# start.sh [check]: runs unbound, or only judges its configuration.
#
# The root's trust anchor lives on the data volume, where unbound follows its key changes (RFC 5011). It begins as
# the image's, and begins anew when an update of the image brings another one.
set -eu
conf=/etc/unbound/unbound.conf
image=/usr/share/dns/root.key
state=/var/lib/unbound/root.key
if [ ! -s "$state" ] || ! cmp -s "$image" "$state.image"; then
  cp "$image" "$state.new"
  mv "$state.new" "$state"
  cp "$image" "$state.image"
fi
if [ "${1-}" = check ]; then
  exec unbound-checkconf "$conf"
fi
exec unbound -d -p -c "$conf"
