#!/bin/sh
# health.sh: healthy when the database answers, the one for leases with it.
exec mariadb --no-defaults --connect-timeout=4 --execute 'DO 1' leases
