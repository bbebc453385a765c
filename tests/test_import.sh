#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test_import.sh -- `simsiam import`: what export wrote becomes a checkpoint that is judged as the one before, goes
# on, is exported with the same bytes, and counts in no table; a wrong file is named and leaves nothing.
#
# usage: test_import.sh SIMSIAM CONFIG_DIR
set -u
export LC_ALL=C

simsiam=$(realpath "$1") configs=$(realpath "$2")
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

. "$here/given.bash"
row() { what_for=(--experiment x.yaml --scale test --row "$1"); }

ln -s "$configs"/* .
printf '%s\n' 'rows:' '  - { name: one }' '  - { name: wider, dim: 24 }' \
    '  - { name: byol, method: byol }' '  - { name: moco, method: moco, predictor: [] }' \
    '  - { name: swav, method: swav, predictor: [], prototypes: 20 }' >x.yaml

# ---- in, out, in -------------------------------------------------------------------------------------------

# Of each method: what it keeps beside the model (a target, a queue) is no matter of the file.
for name in one byol moco swav; do
    row "$name"
    given run x.yaml --row "$name" --scale test --seeds 1 --threads 1 --quiet --runs "made $name"; ends 0
    given export "made $name"/*/seed-1 --to "$name.safetensors"; ends 0
    given import "$name.safetensors" "${what_for[@]}" --to "in $name"; ends 0 'fc is left out'
    folders=("in $name"/*/seed-1)
    [[ $out == "${folders[0]}: "* ]] || fail "import names no folder of its own: $out"
    given export "${folders[0]}" --to "$name-a.safetensors"; ends 0 'at epoch 0'
    given import "$name-a.safetensors" "${what_for[@]}" --to "in2 $name"; ends 0
    given export "in2 $name"/*/seed-1 --to "$name-b.safetensors"; ends 0
    cmp -s "$name-a.safetensors" "$name-b.safetensors" || fail "$name: in and out again, other bytes"
    given eval x.yaml --row "$name" --scale test --seed 1 --threads 1 --runs "made $name"
    grep -E '^(kNN .* on z|std)' out >own
    given eval x.yaml --row "$name" --scale test --seed 1 --threads 1 --from "${folders[0]}"
    ends 0 'epoch 0 of'
    grep -E '^(kNN .* on z|std)' out >imported
    [ -s own ] && cmp -s own imported || fail "$name: judged otherwise: $(<own) $(<imported)"
done

# Every tensor's numbers, by a reader that knows the format alone.
if command -v python3 >/dev/null; then
    python3 - one swav <<'END' || fail 'tensors differ'
import glob, json, struct, sys
def tensors(path):
    data = open(path, "rb").read()
    n = struct.unpack("<Q", data[:8])[0]
    head = json.loads(data[8:8 + n])
    return {k: data[8 + n + v["data_offsets"][0]:8 + n + v["data_offsets"][1]] for k, v in head.items()
            if k != "__metadata__" and not k.startswith("fc.") and not k.endswith("num_batches_tracked")}
for name in sys.argv[1:]:
    before, after = tensors(f"{name}.safetensors"), tensors(f"{name}-a.safetensors")
    assert before == after and len(before) > 20, name
# A momentum encoder begins as a copy: what is trained stands there twice.
for name in "one", "byol", "moco":
    scale = tensors(f"{name}.safetensors")["bn1.weight"]
    place, = glob.glob(f"in {name}/*/seed-1/checkpoint.bin")
    count = open(place, "rb").read().count(scale)
    assert count == (1 if name == "one" else 2), (name, count)
END
fi

# ---- it goes on, as no run of the row ----------------------------------------------------------------------

folders=("in one"/*/seed-1)
sum=$(sha256sum one.safetensors) sum=${sum%% *}
grep -q "\"imported\": \"$sum\"" "${folders[0]}/provenance.json" || fail 'the papers do not name the file'
given run x.yaml --row one --scale test --seeds 1 --threads 1 --quiet --runs 'in one'; ends 0
grep -q "\"imported\": \"$sum\"" "${folders[0]}/provenance.json" || fail 'the run has lost where it began'
cmp -s "${folders[0]}/metrics.jsonl" "made one"/*/seed-1/metrics.jsonl && fail 'it began as the seed has it'
[ "$(wc -l <"${folders[0]}/metrics.jsonl")" = "$(cat "made one"/*/seed-1/metrics.jsonl | wc -l)" ] ||
    fail 'it did not end'
given table x.yaml --scale test --runs 'in one'; ends 0 'one seed 1: not run' 'begun from imported weights'
given pool 'in one' --runs pooled; ends 2 '0 taken' 'began from imported weights'
given eval x.yaml --row one --scale test --seed 1 --threads 1 --runs 'in one'; ends 2 'begun from imported weights'

# A head that is not there is the seed's.
given export "made one"/*/seed-1 --to bare.safetensors --for torchvision; ends 0
row one
given import bare.safetensors "${what_for[@]}" --to bare; ends 0 'no projector' 'no predictor'

# ---- what is wrong -----------------------------------------------------------------------------------------

refused() {          # refused STATUS WORD... of the command given last: nothing is left
    ends "$@"
    [ ! -e to ] || fail "$what: left $(find to | tr '\n' ' ')"
}
given import one.safetensors "${what_for[@]}" --to 'in one'; ends 2 'a run is there already'
given import one.safetensors --to to; refused 2 'import needs'
given import one.safetensors "${what_for[@]}"; ends 2 'import needs'
given import one.bin "${what_for[@]}" --to to; refused 2 '.safetensors'
given import none.safetensors "${what_for[@]}" --to to; refused 2 'none.safetensors'
given import one.safetensors "${what_for[@]}" --seed 0 --to to; refused 2 '--seed 0'
given import one.safetensors --experiment x.yaml --scale test --row wider --to to
refused 2 'tensor projector.' 'is wanted' 'not the net of this row'
given import one.safetensors --experiment x.yaml --scale test --row onee --to to; refused 2 'one'
given import swav.safetensors "${what_for[@]}" --to to; refused 2 'prototypes'
head -c 5000 one.safetensors >half.safetensors
given import half.safetensors "${what_for[@]}" --to to; refused 2 'is it whole?'
head -c 4 one.safetensors >four.safetensors
given import four.safetensors "${what_for[@]}" --to to; refused 2 four.safetensors
sed 's/"conv1.weight"/"conv7.weight"/' one.safetensors >named.safetensors
given import named.safetensors "${what_for[@]}" --to to
refused 2 'tensor conv1.weight is not there' 'tensor conv7.weight has no place'
sed 's/"F32"/"I32"/' one.safetensors >typed.safetensors
given import typed.safetensors "${what_for[@]}" --to to; refused 2 'of another type'
sed 's/"F32"/"F16"/' one.safetensors >halved.safetensors
given import halved.safetensors "${what_for[@]}" --to to; refused 2 'do not fit'
for corpus in hole overlap one four; do
    cp "$here/fuzz/corpus/safetensors/$corpus" wrong.safetensors
    given import wrong.safetensors "${what_for[@]}" --to to; refused 2 wrong.safetensors
done
printf '\xff\xff\xff\xff\xff\xff\xff\xff{}' >limit.safetensors
given import limit.safetensors "${what_for[@]}" --to to; refused 2 limit.safetensors
touch to-file
given import one.safetensors "${what_for[@]}" --to to-file; ends 1 'cannot make to-file/'

# A flipped byte anywhere in the header is refused, or is one of a name, a number or a text that is not read.
length=$(od -An -tu8 -N8 one.safetensors | tr -d ' ')
for i in $(seq 40); do
    cp one.safetensors flipped.safetensors
    printf "\\x$(printf %02x $((i * 37 % 256)))" |
        dd of=flipped.safetensors bs=1 seek=$((i * 7919 % (length + 8))) conv=notrunc status=none
    given import flipped.safetensors "${what_for[@]}" --to to
    [ $status = 0 ] || refused 2 flipped.safetensors
    [ $status != 0 ] || rm -r to
done

[ $failed = 0 ] && echo 'import: in order'
exit $failed
