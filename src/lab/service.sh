#!/bin/bash
# Starts a program in the background with its output in a log, and prints its process number.
# usage: service.sh LOG COMMAND...
log=$1
shift
setsid "$@" </dev/null >>"$log" 2>&1 &
echo $!
