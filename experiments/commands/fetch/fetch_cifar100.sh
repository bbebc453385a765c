#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# fetch_cifar100.sh DATA -- brings CIFAR-100's two official binary files into DATA/cifar100.
#
# From the archive at $CIFAR100_URL (file:// or https://) if that is set, else from its home.  The archive and the
# files must have the official SHA-256.  Interrupted, it goes on where it stopped: what is being fetched lies in
# DATA/partial.
set -euo pipefail

if [ $# -ne 1 ] || [ -z "$1" ]; then
    echo "usage: fetch_cifar100.sh DATA_FOLDER" >&2
    exit 2
fi
data=$1
target=$data/cifar100
partial=$data/partial
archive=$partial/cifar-100-binary.tar.gz
archive_folder=cifar-100-binary
archive_sum=58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec
url=${CIFAR100_URL:-https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz}
files=(train.bin test.bin)
sums='f31298fc616915fa142368359df1c4ca2ae984d6915ca468b998a5ec6aeebf29  train.bin
d8b1e6b7b3bee4020055f0699b111f60b1af1e262aeb93a0b659061746f8224a  test.bin'
# shellcheck source=experiments/commands/fetch/fetch_archive.sh
. "${BASH_SOURCE[0]%/*}/fetch_archive.sh"

say() { echo "cifar100: $*" >&2; }
fail() {
    say "cannot use $url: $*; set CIFAR100_URL to a mirror of cifar-100-binary.tar.gz, or DATA to a folder whose" \
        "cifar100/ holds the two files"
    exit 1
}

# Unpacked files are quickly made again, fetched ones are not: those stay for the next call.
tidy() { rm -rf "$partial/unpacked"; rmdir "$partial" 2> /dev/null || true; }

target_open
if ! right "$target"; then
    partial_open
    from_archive || fail "$reason"
    rm -f "$archive"
fi
sums_write
say "in $target, SHA-256 right"
