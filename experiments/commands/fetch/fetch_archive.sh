# SPDX-License-Identifier: MIT
#
# fetch_archive.sh -- an archive from the network, whole and right, and its files in place; read by fetch_cifar10.sh
# and fetch_cifar100.sh.
#
# They set url, archive (where it is to lie), archive_sum (its SHA-256) and archive_folder (the files' in it); data,
# target and partial, folders; files and their sums; and define say TEXT... and tidy, which runs at the end.
# shellcheck shell=bash disable=SC2154

reason=                                # why the last way failed

archive_right() { [ -f "$archive" ] && sha256sum --check --status <<< "$archive_sum  $archive" 2> /dev/null; }

# A host that does not answer costs 5 seconds, one that stalls or crawls 15: no retry begins later than 10.
download() {
    local meter=--silent
    if [ -t 2 ]; then meter=--progress-bar; fi
    say "fetching $url"
    reason=$(curl --fail --location $meter --retry 2 --retry-max-time 10 --connect-timeout 5 \
        --speed-limit 50000 --speed-time 15 --continue-at - --output "$archive" --write-out '%{errormsg}' "$url")
}

# The archive, whole and right, at $archive.  What an earlier call left is gone on with; if the host cannot, or if
# it makes the sum wrong, it was something else, and one more try starts from nothing.
archive_get() {
    if ! command -v curl > /dev/null; then
        reason="curl is not installed"
        return 1
    fi
    local resumed status
    until archive_right; do
        resumed=false
        if [ -s "$archive" ]; then resumed=true; fi
        status=0
        download || status=$?
        # curl: 33 and 36, the host cannot go on from there; 22 with HTTP 416, there is nothing from there on.
        if $resumed && { [ $status = 33 ] || [ $status = 36 ] || [[ $status = 22 && $reason = *416* ]]; }; then
            rm -f "$archive"
            continue
        fi
        if [ $status != 0 ]; then return 1; fi
        if archive_right; then break; fi
        reason="its SHA-256 is $(sha256sum < "$archive" | cut -d ' ' -f 1), should be $archive_sum"
        rm -f "$archive"
        $resumed || return 1
    done
}

# ---- its files ---------------------------------------------------------------------------------------------

# Are the files in folder $1, and right?
right() { [ -d "$1" ] && (cd "$1" && sha256sum --check --status <<< "$sums" 2> /dev/null); }

# The target, held against others: two would write into the same partial file.  The lock is on the folder: none is
# left lying.
target_open() {
    mkdir -p "$target"
    target_full=$(cd "$target" && pwd)
    exec 9< "$data"
    if ! flock --nonblock 9; then
        say "waiting for another fetch into $data"
        flock 9
    fi
}

# Where what is fetched lies until it is right.
partial_open() {
    if [ -L "$partial" ]; then rm -f "$partial"; fi            # what is ours is no link
    mkdir -p "$partial"
    if [ -L "$archive" ] || { [ -e "$archive" ] && [ ! -f "$archive" ]; }; then rm -f "$archive"; fi
    trap tidy EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

# The archive's files, checked in a folder beside, then renamed into place.
from_archive() {
    archive_get || return 1
    local unpacked=$partial/unpacked
    rm -rf "$unpacked"
    mkdir "$unpacked"
    if ! tar xzf "$archive" -C "$unpacked" --strip-components=1 "${files[@]/#/$archive_folder/}"; then
        reason="it cannot be unpacked into $unpacked (is the disk full?)"
        return 1
    fi
    if ! right "$unpacked"; then
        reason="its files have a wrong SHA-256"
        return 1
    fi
    (cd "$unpacked" && mv -f "${files[@]}" "$target_full/")
}

# What `sha256sum --check` reads, beside the files.
sums_write() {
    [ "$(cat "$target/SHA256SUMS" 2> /dev/null)" != "$sums" ] || return 0
    rm -f "$target/SHA256SUMS.new"
    echo "$sums" > "$target/SHA256SUMS.new"
    mv -f "$target/SHA256SUMS.new" "$target/SHA256SUMS"
}
