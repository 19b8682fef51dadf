#!/bin/sh
# Ends jobs, each given as what bsub said when it took it.
for said in "$@"; do
    bkill "$(printf '%s\n' "$said" | sed -n '1s/[^0-9]*\([0-9][0-9]*\).*/\1/p')"
done
