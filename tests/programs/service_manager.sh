#!/bin/sh
# Stands on a test's PATH as systemctl, launchctl, useradd …: records its calls in $CALLS, fails at the word $FAIL_AT.
echo "${0##*/} $*" >> "$CALLS"
case " $* " in
*" ${FAIL_AT:-nothing} "*)
    echo "refused: $*" >&2
    exit 3
    ;;
esac
