#!/bin/sh
# Follows a published tree by rsync, and keeps a mirror of it: docs/mirrors.md, "Copy it", over and over.
#
#     follow.sh rsync://HOST:PORT/MODULE FOLDER [SECONDS]
#
# FOLDER/tree is the mirror, FOLDER/metrics what Prometheus may read of it. Each SECONDS (10 by default) the pointer is
# fetched aside. If it is another one, then everything but the pointer is copied, and at the end that pointer is put into its
# place: at every moment the mirror has all that its pointer names. Then goes what the lists have taken away.
set -u

from=${1%/} folder=$2 seconds=${3:-10}
next=$folder/next.json
pointer=$folder/tree/serial/current.json

fetch() {
    rsync --timeout=60 --contimeout=10 "$@"
}

copy() {
    fetch --ignore-times --times --perms --chmod=F0644 "$from/serial/current.json" "$next" || return
    if cmp -s "$next" "$pointer"; then return; fi
    fetch --archive --no-owner --no-group --chmod=D0755,F0644 --exclude=/.tmp --exclude=/serial/current.json \
        "$from/" "$folder/tree/" || return
    mv "$next" "$pointer"
    take_away
    echo "the mirror has serial $(serial)"
}

# The newest list that names a path decides.
take_away() {
    (
        cd "$folder/tree" || return
        cat lists/[0-9]*.txt | awk '{ last[$NF] = $1 } END { for (path in last) if (last[path] == "-") print path }' |
            grep -E '^pool/[a-z0-9/.-]+$' | xargs -r rm -f
    )
}

serial() {
    sed -n 's/.*"serial":\([0-9][0-9]*\),"signatures".*/\1/p' "$pointer"
}

# Written anew after each look that came to an end: how old the file is tells how old the last good look is.
tell() {
    cat >"$folder/metrics.next" <<END
# HELP gantry_mirror_serial The serial that this mirror serves.
# TYPE gantry_mirror_serial gauge
gantry_mirror_serial $(serial)
# HELP gantry_mirror_last_success_timestamp_seconds When this mirror was last found equal to where it copies from.
# TYPE gantry_mirror_last_success_timestamp_seconds gauge
gantry_mirror_last_success_timestamp_seconds $(date +%s)
END
    mv "$folder/metrics.next" "$folder/metrics"
}

mkdir -p "$folder/tree/serial"
while :; do
    if copy; then
        tell
    else
        echo "nothing came from $from: trying again in $seconds s" >&2
    fi
    sleep "$seconds"
done
