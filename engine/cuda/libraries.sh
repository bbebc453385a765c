#!/bin/bash
# SPDX-License-Identifier: MIT
#
# libraries.sh FOLDER -- unless this machine has them, bring the libraries of libraries.txt into FOLDER, by pip,
# verified; once.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
list=$here/libraries.txt
folder=${1:?usage: libraries.sh FOLDER}

# What an older list brought is not what this one means.
if [ ! -e "$folder" ] || cmp -s "$list" "$folder/libraries.txt"; then
    if found=$(cmake -P "$here/find.cmake" 2>/dev/null); then
        echo "CUDA libraries: here: ${found#-- }"
        exit 0
    fi
fi
python=${PYTHON:-python3}
if ! "$python" -m pip --version >/dev/null 2>&1; then
    echo 'libraries.sh: no pip here (Debian: apt-get install python3-pip), or give -DCUDA_LIBRARIES=FOLDER with' \
        'cudnn/, cu13/ and nccl/ of your own' >&2
    exit 1
fi
# Whole or not at all: an interrupted download leaves no half folder behind.
fresh=$folder.part
rm -rf "$fresh"
mkdir -p "$(dirname "$folder")"
echo "CUDA libraries: fetching 1.1 GB into $folder"
"$python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
    --no-compile --target "$fresh" -r "$list"
cp "$list" "$fresh/libraries.txt"
rm -rf "$folder"
mv "$fresh" "$folder"
