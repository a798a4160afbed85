#!/bin/sh
# mysql ...: the client that kea-admin calls, with our account. What it says of an account and of a password stays
# off the command line, where every user of the machine could read it.
for word; do
  shift
  case $word in
  --password=* | --host=* | --user=*) ;;
  *) set -- "$@" "$word" ;;
  esac
done
exec mariadb --defaults-file=/run/kea-local/client.cnf "$@"
