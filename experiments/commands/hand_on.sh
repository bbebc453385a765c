#!/bin/bash
# SPDX-License-Identifier: MIT
#
# hand_on.sh COMMAND... -- `simsiam run` for make: TERM or HUP to this shell, which is what make
# sends when it is told to end, is handed on, and the command's end waited for; so is it after
# Ctrl-C, which the command gets itself.
#
# Ends as the command does; a run that diverged (5) is a row of the table, so that is 0.
set -u
"$@" <&0 &
program=$!

# A signal ends a `wait`, so there is another one behind it.
told=0
trap 'told=1; kill -TERM $program 2>/dev/null' TERM HUP
trap 'told=1' INT
wait $program
status=$?
while [ $told = 1 ]; do
    told=0
    wait $program
    status=$?
done
case $status in
    5) exit 0 ;;
    75) echo 'stopped; the same command goes on from here' >&2 ;;
esac
exit $status
