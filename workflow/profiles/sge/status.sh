#!/bin/sh
# Prints running, success or failed for the job of a number. While qstat knows a job it waits or runs, unless it is in an error
# state (Eqw), which it never leaves by itself. Then its record tells how it ended; records may come some seconds late, and a
# job without one after half a minute has failed: Snakemake sends it again.
state=$(qstat -u '*' 2>/dev/null) || { echo running; exit; } # a master that does not answer says nothing about the job
state=$(printf '%s\n' "$state" | awk -v job="$1" '$1 == job { print $5; exit }')
case $state in
    *E*) echo failed; exit ;;
    ?*) echo running; exit ;;
esac
for second in 0 1 2 4 8 16; do
    sleep "${METCN_RECORD_WAIT:-$second}"
    record=$(qacct -j "$1" 2>/dev/null) || continue
    if printf '%s\n' "$record" | awk '$1 == "failed" && $2 != 0 || $1 == "exit_status" && $2 != 0 { bad = 1 } END { exit bad }'; then
        echo success
    else
        echo failed
    fi
    exit
done
echo failed
