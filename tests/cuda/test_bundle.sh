#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test_bundle.sh BUNDLE.SH BUILD -- the archive of a first run, unpacked and run elsewhere: without a network, with
# no library but the C library's, CUDA's and its own, and here without a device, which is said of each step.
set -u
export LC_ALL=C
bundle=$(realpath "$1") build=$(realpath "$2")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "${bundle%/tests/*}" || exit 1

failed=0
fail() { echo "FAILED: $*"; failed=1; }

# As few images as a record has room for, and packed in haste: what an archive weighs is gpu-bundle's matter.
mkdir -p "$work/data/cifar10"
head -c 30730 /dev/zero >"$work/data/cifar10/data_batch_1.bin"
# It is too large for a limit of nothing, which is said.
sed 's/^most=.*/most=1000/' "$bundle" >"$work/small.sh"
said=$(XZ_OPT='-0 -T2' bash "$work/small.sh" "$build" "$work/data" "$work/b.tar.xz" 2>&1) && fail 'any size will do'
[[ $said == *kB,*programs,*libraries*'more than 1000 bytes'* ]] || fail "what was made: $said"
cd "$work" || exit 1

# No network, where that can be had, and the project's libraries hidden: `$nvidia` has CUDA's, as a Python would.
nvidia=$(ldd "$build/step_bench" | awk '/libcudnn\.so/ { print $3 }')
nvidia=$(realpath "${nvidia%/cudnn/*}")
alone=()
unshare -rn true 2>/dev/null && alone=(unshare -rn)
mkdir out
run() {
    said=$("${alone[@]}" timeout 60 env -u DATA CUDA_LIBRARIES="$nvidia" \
        bash "$bundle" run b.tar.xz there out "$1" 2>&1)
}
run python3
status=$?
[ $status = 1 ] || fail "without a device: status $status: $said"
grep -q 'no CUDA device' <<<"$said" || fail "it does not say that there is no device: $said"
for name in bench gpu-tests pytorch conv-bench cifar10 sanitizer; do
    grep -qE "^\| $name \| SKIPPED \| +\| .* \| no device \|" <<<"$said" ||
        fail "$name: not said why it did not run: $said"
done
[ -z "$(ls out)" ] || fail "without a device there are results: $(ls out)"

# Again: nothing is unpacked twice, and another archive is.
touch there/mark
run python3
[ -e there/mark ] || fail 'it is unpacked again'
printf 'x' >>b.tar.xz
run python3
[ ! -e there/mark ] || fail 'another archive is not unpacked'

# Every program finds its libraries, and those that are not CUDA's or the C library's in the bundle.
cd there || exit 1
export LD_LIBRARY_PATH=$PWD/build/lib:$nvidia/cudnn/lib:$nvidia/cu13/lib DATA=$PWD/data
for program in build/gpu_* build/{conv_bench,step_bench,simsiam-cuda}; do
    lost=$(ldd "$program" |
        awk -v here="$PWD/" '/not found/ || ($2 == "=>" && index($3, here) != 1) { print $1 }' |
        grep -vE '^lib(c|m|dl|rt|pthread|gcc_s|cudart|cudnn[a-z_]*|cublas[A-Za-z]*|nvrtc)\.so|^ld-')
    [ -z "$lost" ] || fail "$program: not from the bundle: $lost"
done

[ -s build/lib/libcudart.so.13 ] || fail "the runtime is not in the bundle: $(ls build/lib)"

# Each step by itself ends, and says why it did not run.
step() {
    said=$("${alone[@]}" timeout 60 bash tests/cuda/first_steps.sh run "$1" build "$work/out" python3 2>&1)
}
while read -r name why; do
    step "$name"
    status=$?
    [ $status != 0 ] || fail "$name passes without a device"
    [ $status != 124 ] || fail "$name does not end"
    grep -qE "$why" <<<"$said" || fail "$name: $said"
done <<'STEPS'
bench no CUDA device
gpu-tests of [0-9]+ tests failed, or found no device \(77\): gpu_byol \(77\)
pytorch no PyTorch that sees the device
conv-bench no CUDA device
cifar10 no CUDA device
STEPS

# The training check of a part: settings that there are.
config=$(build/simsiam-cuda config configs/check_gpu_part.yaml --scale cifar10-100ep --row simsiam 2>&1) ||
    fail "the part's settings: $config"
for setting in 'epochs: 40' 'train_count: 8000' 'monitor_split: train' 'monitor_first: 8000' \
    'monitor_count: 2000'; do
    grep -qx "$setting" <<<"$config" || fail "the part's settings: no $setting: $config"
done

[ $failed = 0 ] && echo 'bundle.sh: in order'
exit $failed
