#!/bin/bash
# SPDX-License-Identifier: MIT
#
# bundle.sh -- all that a first run on a device needs, as one archive for a machine that has a driver, a Python with
# PyTorch (whose cuDNN and cuBLAS are taken), and nothing else: no network, no compiler, no packages.
#
# usage: bundle.sh BUILD DATA ARCHIVE.tar.xz      make it, of what BUILD has and a sixth of CIFAR-10
#        bundle.sh run ARCHIVE FOLDER OUT PYTHON  unpack it into FOLDER, unless it lies there, and run it there
#
# Programs are stripped; the libraries that they were linked with lie beside them, but for the C library and CUDA's;
# paths to the project that were compiled in lead to FOLDER by a link.  The same command goes on where it stopped.
set -euo pipefail
export LC_ALL=C
most=40000000                          # bytes of the archive

# ---- making ---------------------------------------------------------------------------------------------------

# The training check of a sixth: 8,000 images, and 2,000 held out, for as many steps as ten epochs of all are two
# thirds of.
part_config() {
    sed -e 's/^epochs: .*/epochs: 40/' -e 's/^knn_every: .*/knn_every: 10/' configs/check_gpu.yaml |
        sed '/^precision:/a train_count: 8000\nmonitor_split: train\nmonitor_first: 8000\nmonitor_count: 2000'
}

# Libraries of a program that are neither the C library's nor CUDA's.
libraries() {
    ldd "$1" | awk '$2 == "=>" && $3 ~ "^/" { print $3 }' |
        grep -vE '/lib(c|m|dl|rt|pthread|gcc_s|cudnn[a-z_]*|cublas[A-Za-z]*|nvrtc[-a-z]*)\.so'
}

make_bundle() {
    local build=$1 data=$2 archive=$3 program bytes
    [ -s "$data/cifar10/data_batch_1.bin" ] || { echo "no CIFAR-10 in $data (make data-cifar10)" >&2; exit 1; }
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    mkdir -p "$work"/{build/lib,data/cifar10}
    tar c --exclude=__pycache__ CMakeLists.txt Makefile.repro configs engine experiments tests/bench tests/cuda \
        tests/golden | tar x -C "$work"
    for program in "$build"/gpu_* "$build"/{conv_bench,step_bench,simsiam-cuda}; do
        strip -o "$work/build/${program##*/}" "$program"
        libraries "$program"
    done | sort -u | xargs -I{} cp -L {} "$work/build/lib"
    chmod u+w "$work"/build/lib/*
    part_config >"$work/configs/check_gpu_part.yaml"
    cp "$data/cifar10/data_batch_1.bin" "$work/data/cifar10"
    pwd -P >"$work/origin"
    # Programs are alike, some megabytes apart; images are packed better as they are than packed before.
    XZ_OPT=${XZ_OPT:---lzma2=preset=4,dict=128MiB} tar cJf "$archive.part" -C "$work" .
    mv "$archive.part" "$archive"
    bytes=$(stat -c %s "$archive")
    echo "$archive: $((bytes / 1000)) kB, $(find "$work/build" -maxdepth 1 -type f | wc -l) programs," \
        "$(find "$work/build/lib" -type f | wc -l) libraries"
    [ "$bytes" -le $most ] || { echo "more than $most bytes: see what grew in it" >&2; exit 1; }
}

# ---- running --------------------------------------------------------------------------------------------------

unpack() {
    local archive=$1 folder=$2 sum
    sum=$(sha256sum <"$archive")
    [ "$(cat "$folder/unpacked" 2>/dev/null)" != "$sum" ] || return 0
    rm -rf "$folder"
    mkdir -p "$folder"
    tar xJf "$archive" -C "$folder"
    echo "$sum" >"$folder/unpacked"
}

run_bundle() {
    local folder out python=$4 origin nvidia missing
    unpack "$1" "$2"
    mkdir -p "$3"
    folder=$(cd "$2" && pwd -P) out=$(cd "$3" && pwd -P)
    cd "$folder"
    origin=$(cat origin)
    if [ ! -e "$origin" ] || [ -L "$origin" ]; then
        { mkdir -p "${origin%/*}" && ln -sfn "$folder" "$origin"; } ||
            echo "no link from $origin to here: tests that read golden files will fail" >&2
    fi
    nvidia=${CUDA_LIBRARIES:-$("$python" -c 'import nvidia; print(list(nvidia.__path__)[0])' 2>/dev/null)} || true
    export LD_LIBRARY_PATH=$folder/build/lib:$nvidia/cudnn/lib:$nvidia/cu13/lib:${LD_LIBRARY_PATH:-}
    export DATA=$folder/data
    missing=$(ldd build/simsiam-cuda | awk '/not found/ { printf " %s", $1 }')
    if [ -n "$missing" ]; then
        echo "libraries that are nowhere:$missing (CUDA_LIBRARIES=FOLDER with cudnn/ and cu13/, or a Python with" \
            'them)' >&2
        exit 1
    fi
    exec bash tests/cuda/first_run.sh tests/cuda/first_steps.sh build "$out" "$python"
}

if [ "${1:-}" = run ] && [ $# = 5 ]; then run_bundle "${@:2}"
elif [ $# = 3 ]; then make_bundle "$@"
else
    sed -n 's/^# usage: /usage: /p; s/^#        bundle/       bundle/p' "$0" >&2
    exit 2
fi
