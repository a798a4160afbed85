#!/bin/sh
# start.sh: runs MariaDB. The first time it makes the system tables and a password; after an upgrade it brings the
# system tables to what the new version wants.
#
# The password is made here and not by whoever writes the configuration: it is in no generation, no plan and no
# environment, only in a file that root alone reads. Every start gives the account what that file says.
set -eu
umask 077
# The first process of a container is not ended by a signal that it does not handle.
trap 'exit 0' TERM
data=/var/lib/mysql/db
secret=/var/lib/mysql-secrets/leases
local=/run/mariadb-local

if [ ! -d "$data" ]; then
  # Made beside its place and put there whole: one that was interrupted begins anew.
  rm -rf "$data.new"
  mariadb-install-db --user=root --datadir="$data.new" --skip-test-db --skip-name-resolve --force \
    --auth-root-authentication-method=socket >"$local/install.log" 2>&1 || {
    cat "$local/install.log" >&2
    exit 1
  }
  sync
  mv "$data.new" "$data"
fi

if [ ! -s "$secret" ]; then
  od -A n -v -t x1 -N 24 /dev/urandom | tr -d ' \n' >"$secret.new"
  chmod 400 "$secret.new"
  sync "$secret.new"
  mv "$secret.new" "$secret"
fi
password=$(cat "$secret")
case $password in
'' | *[!0-9a-f]*)
  echo "$secret is not what was written there: remove it, and a new password is made" >&2
  exit 1
  ;;
esac

# The root user is whoever is root in this container: it has no password, and no other way in.
cat >"$local/init.sql" <<END
CREATE DATABASE IF NOT EXISTS leases CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS leases@localhost;
ALTER USER leases@localhost IDENTIFIED BY '$password';
GRANT ALL ON leases.* TO leases@localhost;
END

# The server notes its version in this file of mariadb-upgrade's.
noted=$(cat "$data/mariadb_upgrade_info" 2>/dev/null || true)
version=$(mariadbd --version | sed -n 's/.*Ver \([0-9.]*-MariaDB\).*/\1/p')
if [ -n "$noted" ] && [ "$noted" != "$version" ]; then
  echo "the data are of $noted, and this is $version: upgrading the system tables"
  mariadbd --user=root --socket="$local/upgrade.sock" &
  server=$!
  until mariadb --socket="$local/upgrade.sock" --execute 'DO 1' 2>/dev/null; do
    kill -0 $server
    sleep 0.5
  done
  mariadb-upgrade --socket="$local/upgrade.sock" --tmpdir="$local" --upgrade-system-tables
  kill $server
  wait $server || true
fi
echo "$version" >"$data/mariadb_upgrade_info"

mariadbd --user=root --init-file="$local/init.sql" &
server=$!
# Asked by SQL, once it answers: a server that has a signal while it starts takes half a minute to end.
stop() {
  until mariadb --no-defaults --connect-timeout=4 --execute SHUTDOWN 2>/dev/null; do
    kill -0 "$server" 2>/dev/null || break
    sleep 0.2
  done
  wait "$server"
  exit 0
}
trap stop TERM
wait "$server"
