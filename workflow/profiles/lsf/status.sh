#!/bin/sh
# Prints running, success or failed for a job, given what bsub said when it took it: "Job <123> is submitted to ...".
# A job that was killed leaves no mark of its own, so LSF is asked. One that LSF no longer knows has failed: Snakemake sends
# it again. An LSF that does not answer says nothing about the job, which then counts as running.
job=$(printf '%s\n' "$1" | sed -n '1s/[^0-9]*\([0-9][0-9]*\).*/\1/p')
answer=$(bjobs -noheader -o stat "$job" 2>&1)
case $answer in
    DONE*) echo success ;;
    EXIT* | *"is not found"*) echo failed ;;
    *) echo running ;;
esac
