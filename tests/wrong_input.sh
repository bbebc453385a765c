#!/bin/bash
# SPDX-License-Identifier: MIT
#
# wrong_input.sh -- what users really have: each mistake with its exit status and message, nothing half-written.
#
# usage: wrong_input.sh SIMSIAM CONFIG_DIR [--write]
#
# Prints a table of all cases, which docs/wrong_input.md must hold; --write writes it there.  A case that this
# machine does not allow (a mount, a memory limit under a sanitizer) keeps its line from there.
set -u
export LC_ALL=C

simsiam=$(realpath "$1") configs=$(realpath "$2") write=${3:-} root=$(realpath "$(dirname "$0")/..")
doc=$root/docs/wrong_input.md
work=$(mktemp -d) || exit 1
box=$work/box
mounted=()
cleanup() {
    [ ${#mounted[@]} = 0 ] || umount "${mounted[@]}"
    rm -rf "$work"
}
trap cleanup EXIT
unset SIMSIAM_ISA SIMSIAM_WINOGRAD
export DATA=data
# A refusal ends the program where it stands: what it holds then is no leak.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0

failed=0 lines=()
. "$(dirname "$0")/seal.bash"
fail() { echo "FAILED: $*" >&2; failed=1; }

# ---- the table's one verb ------------------------------------------------------------------------------

# Everything that lies in the box: names, kinds, content; but whose the last lock was is no matter, and not what
# $begun names: runs under way.
begun=nothing
snapshot() { (cd "$box" && find . -path "./$begun" -prune -o -printf '%y %p\n' | sort
              find . -path "./$begun" -prune -o -type f ! -name lock -exec sha256sum {} + | sort -k 2); }

# wrong NAME STATUS PATTERN COMMAND [PREPARATION]: in a fresh box, PREPARATION is made and COMMAND refused.
wrong() {
    local name=$1 status=$2 pattern=$3 got before after message
    rm -rf "$box"
    mkdir -p "$box/configs/scale"
    cp "$work/s.yaml" "$box/configs/scale/s.yaml"
    cd "$box" || exit 1
    rows 'rows:' '  - { name: a }'
    eval "${5:-:}"
    before=$(snapshot)
    (eval "$4") >"$work/out" 2>"$work/err" </dev/null
    got=$?
    after=$(snapshot)
    message=$(grep -m 1 -E -- "$pattern" "$work/err")
    [ $got = "$status" ] || fail "$name: exit $got, not $status: $(<"$work/err")"
    [ -n "$message" ] || fail "$name: no \`$pattern\` in: $(<"$work/err")"
    [ "$before" = "$after" ] || fail "$name: left something: $(diff <(echo "$before") <(echo "$after"))"
    # What differs from machine to machine has no place in the table.
    message=$(sed -E "s#$root/##g; s#$box/##g; s#$work/mount/##g; s#^simsiam: ##; s#runs/[0-9a-f]{16}#runs/HASH#g
                      s/[0-9a-f]{64}/.../g; s/\|/\\\\|/g" <<<"$message")
    lines+=("| $name | $got | \`$message\` |")
}
# The line of a case that cannot be tried here, from the page.
keep() { lines+=("$(grep -m 1 -F "| $1 |" "$doc")"); echo "not tried here: $1" >&2; }

rows() { printf '%s\n' "$@" >configs/x.yaml; }        # what x.yaml holds
top() { rows "$@" 'rows:' '  - { name: a }'; }        # lines above its one row
scale() { printf '%s\n' "$1" >>configs/scale/s.yaml; }
config='$simsiam config configs/x.yaml --scale s'
run='$simsiam run configs/x.yaml --scale s --seeds 1 --threads 1 --quiet'
sed '/^methods:/,$d; s/^\(train_count\|monitor_count\|batch\|probe_batch\): .*/\1: 16/; s/^widths: .*/widths: [4]/
     s/^epochs: .*/epochs: 1/; s/^probe_epochs: .*/probe_epochs: 1/; s/^knn_k: .*/knn_k: 2/' \
    "$configs/scale/test.yaml" >"$work/s.yaml"

# ---- files of settings ---------------------------------------------------------------------------------

at='configs/x.yaml:[0-9]+:[0-9]+: '
wrong 'no such experiment file' 2 'nosuch.yaml:1:1: .*No such file' '$simsiam config nosuch.yaml --scale s'
wrong 'a folder in the place of the file' 2 'configs:1:1: not a regular file' '$simsiam config configs --scale s'
wrong 'an empty file' 2 "$at.*mapping" "$config" ': >configs/x.yaml'
wrong 'an unknown key' 2 "$at.*did you mean epochs" "$config" 'top "epoch: 3"'
wrong 'a key that stands twice' 2 "$at.*stands twice" "$config" 'top "dim: 8" "dim: 16"'
wrong 'a word for a number' 2 "$at.*not a whole number" "$config" 'top "batch: many"'
wrong 'a number in quotes' 2 "$at.*not a whole number" "$config" "top 'batch: \"16\"'"
wrong 'yes for true' 2 "$at.*neither true nor false" "$config" 'top "stop_grad: yes"'
wrong 'a number for a list' 2 "$at.*not a list" "$config" 'top "widths: 8"'
wrong 'a value out of range' 2 "$at.*out of range" "$config" 'top "epochs: -1"'
wrong 'a whole number too large for any type' 2 "$at.*99999999999999999999" "$config" \
    'top "epochs: 99999999999999999999"'
wrong 'a number beyond a double' 2 "$at.*1e999" "$config" 'top "base_lr: 1e999"'
wrong 'not a number' 2 "$at.*\.nan" "$config" 'top "base_lr: .nan"'
wrong 'a table of the paper without its turn' 2 "$at.*there is no turn" "$config" \
    'top "target: a" "order: 1" "cost: none"'
wrong 'a number that some read as octal' 2 "$at.*starts with 0" "$config" 'top "epochs: 010"'
wrong 'a mistake of syntax' 2 "$at" "$config" 'top "dim: [1, 2"'
wrong 'a tab as indentation' 2 "$at" "$config" "rows 'rows:' \$'\t- { name: a }'"
wrong 'a deep nest' 2 "$at.*nested too deeply" "$config" 'printf "%.0s[" {1..10000} >configs/x.yaml'
wrong 'too many values' 2 "$at.*too large" "$config" \
    '{ echo "a: ["; printf "%.0s1," {1..30000}; echo "]"; } >configs/x.yaml'
wrong 'a huge file' 2 "$at.*at most 1048576 bytes" "$config" 'head -c 2000000 /dev/zero >configs/x.yaml'
wrong 'aliases that explode' 2 "$at.*alias" "$config" \
    'rows "a: &a [x, x]" "b: &b [*a, *a]" "c: &c [*b, *b]" "d: [*c, *c]"'
wrong 'an alias to itself' 2 "$at.*alias" "$config" 'rows "a: &a [*a]"'
wrong 'bytes that are not UTF-8' 2 "$at.*0xff.*UTF-8" "$config" "top \$'title: \xff'"
wrong 'UTF-16' 2 "$at.*UTF-8" "$config" "printf '\xff\xfer\0o\0' >configs/x.yaml"
wrong 'a NUL byte' 2 "$at.*UTF-8" "$config" "printf 'dim: 8\0\n' >configs/x.yaml"
wrong 'an escaped NUL in a value' 2 "$at.*title" "$config" "top 'title: \"a\\0b\"'"
wrong 'two documents in a file' 2 "$at.*second document" "$config" 'top "--- {}" "---"'
wrong 'no rows' 2 "$at.*rows: 1 to" "$config" 'rows "dim: 8"'
wrong 'two rows of one name' 2 "$at.*stands twice" "$config" 'rows rows: "  - name: a" "  - name: a"'
wrong 'a baseline that is no row' 2 "$at.*no row b" "$config" 'top "baseline: b"'
wrong 'a claim on a row that is not there' 2 'fig2_stopgrad.yaml:[0-9]+:[0-9]+: no row wiht; did you mean with' \
    '$simsiam config configs/fig2_stopgrad.yaml --scale test' \
    'rm -r configs; cp -r "$configs" configs
     sed -i "s/knn with rises/knn wiht rises/" configs/fig2_stopgrad.yaml'
wrong 'a batch larger than the data' 2 "$at.*more than the 16" "$config" 'top "batch: 17"'
wrong 'shards that are no power of two' 2 "$at.*shards 6 is no power of two" "$config" 'top "shards: 6"'
wrong 'shards that are not equal' 2 "$at.*does not come in 32 equal shards" "$config" 'top "shards: 32"'
wrong 'no shard' 2 "$at.*out of range" "$config" 'top "shards: 0"'
wrong 'one image' 2 "$at.*out of range" "$config" 'top "train_count: 1"'
wrong 'more neighbours than images' 2 "$at.*knn_k 17" "$config" 'top "knn_k: 17"'
wrong 'more images than there are' 2 "$at.*synthetic has 0 to 59999" "$config" 'top "train_count: 60001"'
wrong 'a scale file with a mistake' 2 'configs/scale/s.yaml:[0-9]+:[0-9]+: .*did you mean' "$config" \
    'scale "dimm: 8"'

wrong 'a look that errs too often' 2 'configs/scale/s.yaml:[0-9]+:[0-9]+: look_errors: 0.06 is out of range' \
    '$simsiam table configs/x.yaml --scale s' 'scale "look_errors: [0.06]"'
wrong 'an experiment named by dots' 2 'the first no dot' '$simsiam config configs/...yaml --scale s' \
    'cp configs/x.yaml configs/...yaml'
wrong 'an experiment named by an escape' 2 'without control characters' \
    '$simsiam config "$(echo configs/x?*.yaml)" --scale s' 'cp configs/x.yaml "configs/x$(printf "\\033[31m").yaml"'
wrong 'a precision of another machine' 2 'precision: fp16 is not one of machine cpu' \
    '$simsiam run configs/x.yaml --scale s' 'top "precision: fp16"'
wrong 'the same, planned' 2 'precision: fp16 is not one of machine cpu' \
    '$simsiam plan configs/x.yaml --scale s' 'top "precision: fp16"'
wrong 'a row that the scale cannot host' 2 'x/a is not run at scale s: no room' \
    '$simsiam run configs/x.yaml --scale s --row a' 'scale "not_run: { x: { a: no room } }"'

# ---- the command ---------------------------------------------------------------------------------------

wrong 'an unknown command' 2 'did you mean `table`' '$simsiam tabel'
wrong 'an unknown option' 2 'nearest is --seeds' "$run --seed-s 1"
wrong 'an unknown scale' 2 'no scale t;' '$simsiam run configs/x.yaml --scale t'
wrong 'an unknown row' 2 'no row b;' "$run --row b"
wrong 'threads below zero' 2 'threads -1' "$run --threads -1"
wrong 'too many threads' 2 'threads 1025' "$run --threads 1025"
wrong 'no jobs' 2 'jobs 0' "$run --jobs 0"
wrong 'seed 0' 2 'seed "0"' "$run --seeds 0"
wrong 'a seed too large' 2 'seed "99999999999"' "$run --seeds 99999999999"
wrong 'a seed twice' 2 'twice' "$run --seeds '1 1'"
wrong 'eval without a run' 2 'no checkpoint' '$simsiam eval configs/x.yaml --scale s --row a'

# ---- outputs of other programs -------------------------------------------------------------------------

arrays=$root/tests/fuzz/corpus/npy             # [3, 5]
judge='$simsiam check --views a.npy b.npy'
wrong 'outputs of too few samples' 2 'at least 10 are wanted' "$judge" 'cp $arrays/f4 a.npy; cp $arrays/f8 b.npy'
wrong 'the same outputs twice, and no constant' 2 'same numbers' "$judge" \
    'sed "s/(3, 5), }/(15, 1),}/" $arrays/f4 >a.npy; cp a.npy b.npy'
wrong 'outputs of other shapes' 2 'it is \[5, 3\]' "$judge" \
    'cp $arrays/f4 a.npy; sed "s/(3, 5)/(5, 3)/" $arrays/f4 >b.npy'
wrong 'outputs in Fortran order' 2 'Fortran order' "$judge" 'cp $arrays/f4 a.npy; cp $arrays/fortran b.npy'
wrong 'outputs that are Python objects' 2 'Python objects' "$judge" 'cp $arrays/f4 a.npy; cp $arrays/objects b.npy'
wrong 'bytes behind the outputs' 2 'nothing may follow' "$judge" 'cp $arrays/f4 a.npy; (cat a.npy; echo) >b.npy'
wrong 'outputs that are cut short' 2 'is it whole' "$judge" 'cp $arrays/f4 a.npy; head -c 180 a.npy >b.npy'
wrong 'a log without what is judged' 2 'no line holds' '$simsiam check --metrics log.jsonl' \
    'echo "{\"epoch\": 1}" >log.jsonl'
wrong 'decide without a budget' 2 'decide needs --budget' '$simsiam decide configs/x.yaml --scale s'
wrong 'an unknown instruction set' 2 'SIMSIAM_ISA=mmx' "SIMSIAM_ISA=mmx $run"

# ---- data: a reader's own cases go here ----------------------------------------------------------------

image='data/mine/train/b/1.png'
cifar='mkdir -p data/cifar10; head -c 30730000 /dev/zero >data/cifar10/data_batch_1.bin'
on_cifar='scale "dataset: cifar10"; sed -i "/^dataset: synthetic/d" configs/scale/s.yaml; '
wrong 'data that are not there' 1 'cannot open data/cifar10/data_batch_1.bin: No such file.*make -f' "$run" \
    "$on_cifar"
wrong 'data that are not there, verified' 1 'cannot open .*make -f' '$simsiam data verify cifar10'
wrong 'an empty data folder' 1 'cannot open .*make -f' '$simsiam data verify cifar10' 'mkdir -p data/cifar10'
wrong 'a file of CIFAR-10 cut short' 2 'has 1000 bytes, should have 30730000' "$run" \
    "$on_cifar mkdir -p data/cifar10; head -c 1000 /dev/zero >data/cifar10/data_batch_1.bin"
wrong 'a file of CIFAR-10 that is too long' 2 'has 30730001 bytes' "$run" \
    "$on_cifar $cifar; echo >>data/cifar10/data_batch_1.bin"
wrong 'a file of CIFAR-10 with other bytes' 2 'SHA-256 is .* should be' "$run" "$on_cifar $cifar"
wrong 'a folder in the place of a data file' 1 'data_batch_1.bin: Is a directory' "$run" \
    "$on_cifar mkdir -p data/cifar10/data_batch_1.bin"
wrong 'a gzipped file that is damaged' 2 'gzip content' '$simsiam data verify mnist' \
    'mkdir -p data/mnist; echo x | gzip -n | head -c 12 >data/mnist/train-images-idx3-ubyte.gz'
wrong 'a gzip file that is none' 2 'gzip content' '$simsiam data verify mnist' \
    'mkdir -p data/mnist; echo hello >data/mnist/train-images-idx3-ubyte.gz'
wrong 'an unknown data set' 2 'did you mean `cifar10`' '$simsiam data verify cifar1'

# Folders of images: each a sheet that the program draws; the box has eight of them in two classes and two splits.
"$simsiam" data views synthetic --out "$work/one.png" --size 8 --images 1 --views 1 || fail 'cannot draw an image'
on_folder='sed -i "/^dataset: synthetic/d; s/^\(train_count\|monitor_count\|batch\|probe_batch\): .*/\1: 4/" \
    configs/scale/s.yaml; scale "dataset: folder"; scale "folder: mine"
    for at in train/a train/b val/a val/b; do
        mkdir -p data/mine/$at; cp "$work/one.png" data/mine/$at/1.png; cp "$work/one.png" data/mine/$at/2.png
    done; bad=data/mine/train/b/1.png; '
wrong 'no such folder of images' 2 'data/mine/train: there is no such folder' "$run" "$on_folder rm -r data/mine"
wrong 'an empty folder of images' 2 '0 folders of images' "$run" "$on_folder rm -r data/mine/*/*"
wrong 'one class' 2 'it has one class' "$run" "$on_folder rm -r data/mine/*/b"
wrong 'a class without an image' 2 'data/mine/train/b' "$run" "$on_folder rm data/mine/train/b/*"
wrong 'a class that only one split has' 2 'lacks the class b' "$run" \
    "$on_folder for at in train val; do cp -r data/mine/val/b data/mine/\$at/c; done; rm -r data/mine/val/b"
wrong 'fewer images than the scale wants' 2 'mine' "$run" "$on_folder rm data/mine/train/a/1.png"
wrong 'a file beside the classes' 2 'lies beside the classes' "$run" "$on_folder cp \$bad data/mine/train"
begun=runs                                              # met within a run, which begins anew when it is mended
wrong 'a PNG picture cut short' 2 "$image: not a whole PNG" "$run" "$on_folder truncate -s 300 \$bad"
(cp "$work/one.png" "$image" && eval "$run") || fail "a run does not begin anew when the picture is mended: $?"
wrong 'a JPEG picture of a few bytes' 2 "$image: not a whole JPEG" "$run" \
    "$on_folder printf '\xff\xd8\xff\xe0' >\$bad"
wrong 'a picture that is text' 2 "$image: " "$run" "$on_folder echo hello >\$bad"
wrong 'an empty picture' 2 "$image: " "$run" "$on_folder : >\$bad"
wrong 'a folder in the place of a picture' 2 "$image: " "$run" "$on_folder rm \$bad; mkdir \$bad"
wrong 'a dangling link in the place of a picture' 2 "$image: " "$run" "$on_folder ln -sf nowhere \$bad"
begun=nothing
wrong 'a bad picture, in the whole set' 2 "$image: not a whole PNG" '$simsiam data verify data/mine >&2' \
    "$on_folder truncate -s 300 \$bad"
wrong 'no home to keep data in' 1 'no home folder' \
    'env -u DATA -u HOME -u XDG_CACHE_HOME $simsiam data verify cifar10'

# ---- files and folders of runs and results -------------------------------------------------------------

ran="$run || fail 'the run that a case needs'"
wrong 'pool from nowhere' 2 'nowhere: No such file' '$simsiam pool nowhere'
wrong 'pool from a folder without runs' 2 'no run in it' '$simsiam pool configs'
wrong 'pool of a damaged summary' 2 'summary.json is broken' '$simsiam pool runs --runs here' \
    "$ran; truncate -s 100 runs/*/seed-1/summary.json"
wrong 'pool of a run that is here with other numbers' 2 'same run with other numbers' '$simsiam pool more/runs' \
    "$ran; mkdir more; cp -r runs more
     sed -i '2s/\"grad_norm\":0/\"grad_norm\":1/' more/runs/*/seed-1/metrics.jsonl
     resealed more/runs/*/seed-1"
wrong 'a table against nothing' 2 'no run is committed' \
    '$simsiam table configs/x.yaml --scale s --against results/s' "$ran"
wrong 'a table against another scale' 2 'results of scale s are wanted' \
    '$simsiam table configs/x.yaml --scale s --against results/t' "$ran"
ours='own=(runs/*/seed-1); '
wrong 'a file in the place of the runs' 1 'cannot make runs/.*Not a directory' "$run" ': >runs'
wrong 'a file in the place of the results' 1 'Not a directory' '$simsiam table configs/x.yaml --scale s' \
    "$ran; : >results"
wrong "another run's checkpoint" 2 'a checkpoint of another run' "$run" \
    "$ran; mv runs kept; top 'dim: 64'; $ran; rm runs/*/*/summary.json
     cp kept/*/seed-1/checkpoint.bin runs/*/seed-1/"
wrong 'metrics that lost lines' 1 'shorter than its checkpoint says' "$run" \
    "$ran; $ours rm \$own/summary.json; : >\$own/metrics.jsonl"
wrong 'metrics that are damaged' 1 'metrics.jsonl is not what was written' "$run" \
    "$ran; $ours rm \$own/summary.json; sed -i 's/loss/lost/' \$own/metrics.jsonl"
wrong 'output to a full disk' 1 'disk full' "$config >/dev/full"

# ---- what the machine lacks ----------------------------------------------------------------------------

drawn='mkdir -p results/s bin; printf "row,n,paper,linear_mean,linear_std,state\na,1,,40,,healthy\n" \
           >results/s/fig2_stopgrad.csv
       printf "row,seed,epoch,loss\na,1,1,-0.5\n" >results/s/fig2_stopgrad_curves.csv
       for tool in bash env dirname rm mkdir mktemp grep mv; do ln -s "$(command -v $tool)" bin; done; '
draw='SIMSIAM=$simsiam PATH=$box/bin bash $root/plots/draw.sh fig2_stopgrad s results'
wrong 'gnuplot is missing' 1 'gnuplot is missing.*apt-get' "$draw" "$drawn"
wrong 'gnuplot fails' 1 'gnuplot could not draw' "$draw" \
    "$drawn printf '#!/bin/sh\nexit 1\n' >bin/gnuplot; chmod +x bin/gnuplot"
wrong 'gnuplot draws nothing' 1 'gnuplot left no svg' "$draw" \
    "$drawn printf '#!/bin/sh\nexit 0\n' >bin/gnuplot; chmod +x bin/gnuplot"
wrong 'a figure of a damaged table' 2 'curves.csv:2: row b is not in' "$draw" \
    "$drawn printf 'row,seed,epoch,loss\nb,1,1,-0.5\n' >results/s/fig2_stopgrad_curves.csv
     printf '#!/bin/sh\nexit 0\n' >bin/gnuplot; chmod +x bin/gnuplot"
if { (ulimit -v 1000000; "$simsiam" --version) >/dev/null 2>&1; } 2>/dev/null; then
    wrong 'a model that memory does not hold' 1 'cannot get [0-9]+ MiB of memory' "ulimit -v 1000000; $run" \
        'scale "dim: 65536"; sed -i "/^dim: 32/d" configs/scale/s.yaml'
    wrong 'too little address space' 1 'under 512 MiB of address space' \
        'ulimit -v 200000; timeout 20 $simsiam info'
else
    keep 'a model that memory does not hold'
    keep 'too little address space'
fi
wrong 'a file that may not grow' 1 'File too large' "ulimit -f 8; $run --runs $work/mount/limited/runs"
# tmpfs NAME OPTIONS: a file system of its own at NAME in a box that stays.
tmpfs() { mkdir -p "$work/mount/$1" && mount -t tmpfs -o "$2" tmpfs "$work/mount/$1" 2>/dev/null &&
              mounted+=("$work/mount/$1"); }
if tmpfs ro ro && tmpfs small size=16k; then
    wrong 'a read-only file system' 1 'Read-only file system' "$run --runs $work/mount/ro/runs"
    wrong 'a full disk' 1 'No space left on device' "$run --runs $work/mount/small/runs"
    [ -z "$(find "$work/mount/small" -name '*.tmp' -o -name '*.new')" ] || fail 'a full disk keeps half a file'
    mount -o remount,size=1m "$work/mount/small" || fail 'the small disk cannot be made larger'
    (eval "$run --runs $work/mount/small/runs") || fail "a run does not go on when the disk has room again: $?"
    rm -r "$work/mount/small/runs"
    mount -o remount,size=16k "$work/mount/small" || fail 'the small disk cannot be made small again'
    wrong 'a table to a full disk' 1 'No space left on device' \
        "\$simsiam table configs/x.yaml --scale s --results $work/mount/small/results" \
        "head -c 12k /dev/zero >$work/mount/small/filler; $ran"
else
    for name in 'a read-only file system' 'a full disk' 'a table to a full disk'; do keep "$name"; done
fi

# ---- the page ------------------------------------------------------------------------------------------

page() {
    echo '# Wrong input'
    echo
    echo 'What the program says of it, and its exit status (1: the world; 2: the command, a file or the data).  No'
    echo 'case leaves anything behind, but for a full disk and a bad picture: a run that has begun goes on once'
    echo 'there is room, and begins anew once the picture is mended.  Made and checked by `tests/wrong_input.sh`.'
    echo
    echo "| ${#lines[@]} cases | exit | message |"
    echo '|---|---|---|'
    printf '%s\n' "${lines[@]}"
}
page
if [ "$write" = --write ]; then
    page >"$doc"
else
    diff "$doc" <(page) >&2 || fail "docs/wrong_input.md is not this table (wrong_input.sh ... --write writes it)"
fi
exit $failed
