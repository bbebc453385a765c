#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test_folder.sh -- a run on a folder of images, from `data verify` to its summary: threads, stops, bad images,
# images that change.
#
# usage: test_folder.sh SIMSIAM CONFIG_DIR
#
# The images are sheets of views that the program draws: PNG files of a size that no view has.
set -u
export LC_ALL=C

simsiam=$(realpath "$1")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cp -r "$2" "$work/configs"
cd "$work" || exit 1
export DATA=$work/data

failed=0
check() {                              # check "sentence" command...
    "${@:2}" && return
    echo "FAILED: $1: status ${status:-}, said: ${said:-}"
    failed=1
}
given() { said=$("$simsiam" "$@" 2>&1 </dev/null); status=$?; }
says() { [[ $said == *"$1"* ]]; }
status_is() { [ "$status" = "$1" ]; }

# ---- a folder and a scale ------------------------------------------------------------------------------------

seed=0
for at in train/{left,right}/{01..12} val/{left,right}/{1..4}; do
    mkdir -p "$DATA/images/${at%/*}"
    "$simsiam" data views synthetic --out "$DATA/images/$at.png" --size 8 --images 1 --views 1 --seed $((++seed)) ||
        { echo 'cannot draw images'; exit 1; }
done
sed -e 's/^dataset: .*/dataset: folder/; s/^folder: .*/folder: images/; s/^image_size: .*/image_size: 8/' \
    -e 's/^train_count: .*/train_count: 24/; s/^monitor_count: .*/monitor_count: 8/; s/^batch: .*/batch: 8/' \
    -e 's/^epochs: .*/epochs: 2/; s/^knn_every: .*/knn_every: 1/; s/^knn_k: .*/knn_k: 5/' \
    -e 's/^widths: .*/widths: [8, 8]/' \
    -e 's/^dim: .*/dim: 16/; s/^probe_epochs: .*/probe_epochs: 2/; s/^probe_batch: .*/probe_batch: 8/' \
    configs/scale/folder.yaml > configs/scale/small.yaml
options=(configs/fig2_stopgrad.yaml --row with --seeds 1 --scale small --quiet --checkpoint-seconds 0)
run() { given run "${options[@]}" "$@"; }
same() { cmp "$1"/*/seed-1/metrics.jsonl "$2"/*/seed-1/metrics.jsonl &&
         cmp "$1"/*/seed-1/checkpoint.bin "$2"/*/seed-1/checkpoint.bin; }
skipped() { sed -n 's/.*"skipped": \([0-9]*\).*/\1/p' "$1"/*/seed-1/summary.json; }

# ---- good images -----------------------------------------------------------------------------------------------

given data verify images
check "a whole folder is verified" status_is 0
check "and counted" says "24 images of 2 classes, 0 of them bad"
given data verify data/images
check "a path on the command line is the shell's" status_is 0
run --runs one --threads 1
check "a run on a folder ends well" status_is 0
check "and skips nothing" [ -z "$(skipped one)" ]
run --runs two --threads 2
check "two threads make the bytes of one" same one two

# Stopped at some step or other: the same command goes on, to the same bytes.
for ms in 020 060 100 160; do
    "$simsiam" run "${options[@]}" --runs stop --threads 1 2>/dev/null &
    sleep "0.$ms"
    kill -TERM $! 2>/dev/null
    wait $!
done
run --runs stop --threads 1
check "a run that was stopped goes on" status_is 0
check "and ends in the same bytes" same one stop

# ---- bad images ------------------------------------------------------------------------------------------------

bad=$DATA/images/train/right/07.png
cp "$bad" kept.png
head -c 300 kept.png > "$bad"
given data verify images
check "a folder with a bad image is refused" status_is 2
check "by its name and reason" says "train/right/07.png: not a whole PNG picture"
run --runs bad
check "a run that meets it ends with 2" status_is 2
check "and its name" says "train/right/07.png: not a whole PNG picture"
check "and leaves no summary" [ -z "$(find bad -name summary.json)" ]
run --runs one --threads 1
check "a finished run of images that were cut short since is not one of these" status_is 2
sed -i 's/^skip_bad: .*/skip_bad: 1/' configs/scale/small.yaml
for threads in 1 2; do
    run --runs skip$threads --threads $threads
    check "as many bad images as the config allows are skipped" status_is 0
    check "named" says "train/right/07.png: not a whole PNG picture"
    check "and counted" [ "$(skipped skip$threads)" = 1 ]
done
check "for any number of threads alike" same skip1 skip2
: > "$DATA/images/train/left/03.png"
run --runs more
check "one more than that ends the run" status_is 2
check "with the number" says "2 of the images are bad, skip_bad allows 1"

# ---- images that change ----------------------------------------------------------------------------------------

cp kept.png "$bad"
cp kept.png "$DATA/images/train/left/03.png"
sed -i 's/^skip_bad: .*/skip_bad: 0/' configs/scale/small.yaml
rm stop/*/seed-1/summary.json
cp -r skip1 old
run --runs stop
check "a run does not go on with other images" [ "$(ls -d stop/*/seed-1 | wc -l)" = 2 ]
check "but begins anew" status_is 0
run --runs old
check "nor is a finished run of other images taken for one of these" \
    [ "$(ls old/*/seed-1/summary.json | wc -l)" = 2 ]
given table "${options[0]}" --scale small --seeds "1 2" --runs old --results told
check "and a table shows but one of the two" says "with                   1  "
mv "$DATA/images/val" "$DATA/images/other"
run --runs gone
check "a folder that is not there ends with 2" status_is 2
check "by its name" says "images/test: there is no such folder"

exit $failed
