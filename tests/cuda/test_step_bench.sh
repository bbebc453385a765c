#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test_step_bench.sh STEP_BENCH CONFIGS -- step_bench's answers, and the table of a step's kernels: here on the
# rehearsal's machine, whose stream is timed by the host's clock.
set -uo pipefail
export LC_ALL=C
program=$(realpath "$1") configs=$(realpath "$2")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

failed=0
fail() { echo "FAILED: $*"; failed=1; }

# The scale quick, but of a net that fibers have time for: a stem, whose 3 channels are padded, and one block.
mkdir -p configs/scale
cp "$configs/paper.yaml" configs
cp "$configs"/scale/*.yaml configs/scale              # its statements name some
cp "$configs/check_gpu.yaml" configs/net.yaml
# What the scale says of other tables (methods, rows, not_run) goes: those files are not here.
sed -e '/^methods:/,$d' -e 's/^widths:.*/widths: [8]/' -e 's/^image_size:.*/image_size: 4/' \
    -e 's/^dim:.*/dim: 16/' "$configs/scale/quick.yaml" >configs/scale/tiny.yaml

ask() { "$program" configs/net.yaml tiny 2 2>&1; }
said=$(ask <<<$'bf16 3\nshares bf16 2\nfp32 1\nbf16 1\nknn 5 40') || fail "it ends badly: $said"
times='[0-9.]+ [0-9.]+ [0-9.]+'
number=1
while read -r wanted; do
    grep -qxE "$wanted" <<<"$(grep -vE '^ ' <<<"$said" | sed -n "${number}p")" ||
        fail "no answer like $wanted: $said"
    number=$((number + 1))
done <<LINES
bf16 ours $times, with augmentation $times
shares bf16 [0-9.]+, replayed [0-9.]+
fp32 ours $times, with augmentation $times
bf16 ours $times, with augmentation $times
knn $times, with the way over the host $times
LINES

# The table: each part of the machine is in it by name, in its calls of a step.
calls() { awk -v name="$1" 'index($0, name) { n += $1 } END { print n + 0 }' <<<"$table"; }
table=$(grep -E '^ +[0-9]' <<<"$said" | sed '$d')
whole=$(grep -E '^ +[0-9]' <<<"$said" | tail -n 1)
while read -r wanted name; do
    [ "$(calls "$name")" = "$wanted" ] || fail "$name: $(calls "$name") calls, not $wanted: $table"
done <<CALLS
3 cuDNN forward bf16 3x3/1 8->8 4x4
3 cuDNN dw
2 cuDNN dx
4 cuBLASLt NT
2 sim_view<T>
2 sim_cosine<T>
CALLS
# Shares are of the sum of all, and sorted; and nothing is counted twice: no more than all that lay between.
awk '{ share += $3; ms += $2; calls += $1; if (NR > 1 && $2 > before) exit 1; before = $2 }
     END { exit !(share > 99.5 && share < 100.5) }' <<<"$table" || fail "shares: $table"
read -r all_calls sum _ <<<"$whole"
[[ $whole =~ of\ ([0-9.]+)\ ms ]] || fail "the sum: $whole"
awk -v calls="$all_calls" -v sum="$sum" -v between="${BASH_REMATCH[1]:-0}" '
    { ms += $2; n += $1 }
    END { exit !(n == calls && ms - sum < 0.01 && sum - ms < 0.01 && sum <= between) }' \
    <<<"$table" || fail "the sum: $whole, of $table"

for wrong in 'bf17 3' 'bf16 0' 'bf16 2000' 'shares bf16' 'knn 5' ''; do
    ask <<<"$wrong" >/dev/null
    [ $? = 2 ] || fail "\`$wrong\` is not refused"
done

[ $failed = 0 ] && echo 'step_bench: in order'
exit $failed
