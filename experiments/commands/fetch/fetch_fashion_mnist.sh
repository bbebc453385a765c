#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# fetch_fashion_mnist.sh DATA SIMSIAM -- copies Fashion-MNIST's four files from Debian's package
# dataset-fashion-mnist into DATA/fashion-mnist, and lets the program SIMSIAM check their content.
set -euo pipefail

if [ $# -ne 2 ] || [ -z "$1" ]; then
    echo "usage: fetch_fashion_mnist.sh DATA_FOLDER SIMSIAM_PROGRAM" >&2
    exit 2
fi
target=$1/fashion-mnist
simsiam=$2
package=dataset-fashion-mnist

say() { echo "fashion-mnist: $*" >&2; }

# dpkg names folders, too, and the package's documents.
list=$(dpkg -L "$package" 2> /dev/null | grep -E '/(train|t10k)-(images-idx3|labels-idx1)-ubyte\.gz$' || true)
if [ "$(wc -l <<< "$list")" -ne 4 ]; then
    say "Debian's package $package is not here (apt-get install $package), or put its four .gz files into $target"
    exit 1
fi
mkdir -p "$target"
while read -r file; do
    name=${file##*/}
    if ! cmp --quiet "$file" "$target/$name"; then
        cp "$file" "$target/$name.new"
        mv -f "$target/$name.new" "$target/$name"
    fi
done <<< "$list"
DATA=$1 "$simsiam" data verify fashion-mnist > /dev/null
say "in $target, SHA-256 right"
