#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test_places.sh -- a locale with a decimal comma, a folder with a space in its name, another current
# folder, odd paths: the same numbers, the same figures, the same targets.
#
# usage: test_places.sh SIMSIAM
set -u
export LC_ALL=C

simsiam=$(realpath "$1") root=$(realpath "$(dirname "$0")/..")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
unset MAKEFLAGS MAKELEVEL MFLAGS
failed=0
fail() { echo "FAILED: $*"; failed=1; }

# The sources in a folder whose name has a space.
mkdir "$work/sp ace"
(cd "$root" && tar c --exclude='./build*' --exclude=./runs --exclude=./results --exclude=./.git .) |
    tar x -C "$work/sp ace"
there=$work/sp\ ace

# A locale that writes 0,5: with its own, whatever this machine has installed.
comma=
if localedef -i de_DE -f UTF-8 "$work/de_DE.UTF-8" >/dev/null 2>&1; then
    comma=(LOCPATH="$work" LC_ALL=de_DE.UTF-8)
    [ "$(env "${comma[@]}" bash -c 'printf %.1f 0,5')" = 0,5 ] || fail 'the locale has no decimal comma'
else
    echo 'no locale de_DE (Debian: locales): what a decimal comma does was not looked at'
    comma=(LC_ALL=C)
fi

# ---- the same numbers ------------------------------------------------------------------------------------

cd / || exit 1
export SIMSIAM=$simsiam
made() {             # made FOLDER VARIABLE...: a run, its table and its figure
    local out=$work/$1 table=("$there/configs/fig2_stopgrad.yaml" --scale test --seeds '1 2')
    env "${@:2}" "$simsiam" run "${table[@]}" --threads 1 --quiet --runs "$out/runs" ||
        fail "$1: run: exit $?"
    env "${@:2}" "$simsiam" table "${table[@]}" --runs "$out/runs" --results "$out/results" \
        >"$out/said" 2>/dev/null || fail "$1: table: exit $?"
    ! command -v gnuplot >/dev/null ||
        env "${@:2}" bash "$there/plots/draw.sh" fig2_stopgrad test "$out/results" >/dev/null ||
        fail "$1: draw.sh: exit $?"
}
mkdir "$work/plain" "$work/with comma"
made plain LC_ALL=C
made 'with comma' "${comma[@]}"
same=$(cd "$work/plain" &&
    find . -name metrics.jsonl -o -name said -o -path './results/*' -type f ! -name 'provenance*')
[ "$(grep -c . <<<"$same")" -ge 8 ] || fail "there is little to compare: $same"
while read -r file; do
    cmp -s "$work/plain/$file" "$work/with comma/$file" ||
        fail "$file is another where numbers have commas"
done <<<"$same"
# All tables' figures: other panels, other numbers.
if command -v gnuplot >/dev/null && [ -d "$root/results/quick" ]; then
    cp -r "$root/results/quick" "$work/plain/results/"
    for table in table3_bn output_dim similarity; do
        for set in LC_ALL=C "${comma[*]}"; do
            read -ra variables <<<"$set"
            env "${variables[@]}" bash "$there/plots/draw.sh" $table quick "$work/plain/results" \
                >"$work/said" 2>&1 || fail "$table: $(<"$work/said")"
            cp "$work/plain/results/quick/$table.svg" "$work/${set%%=*}.svg"
        done
        cmp -s "$work/LC_ALL.svg" "$work/LOCPATH.svg" || [ "$comma" = LC_ALL=C ] ||
            fail "$table's figure is another where numbers have commas"
    done
fi
# The helpers that compute with decimals: PyTorch's ratio, a table of timings.
printf '%s\n' net,side,precision,mode,threads,pair,median_ms,least_ms,most_ms,memory_mib \
    small,simsiam,bf16,full,2,1,1.5,1,2,10 small,pytorch,bf16,contiguous,2,1,3.75,3,4,20 \
    small,pytorch,fp32,contiguous,2,1,4.5,4,5,20 >"$work/cpu.csv"
bench=$there/tests/bench
awk -F, -v pairs=1 -v threads=2 -f "$bench/readings.awk" -f "$bench/compare.awk" "$work/cpu.csv" |
    grep -q '2.50 \[2.50, 2.50\]' || fail 'compare.awk does not find 3.75 / 1.5'
sed -i 's,^small,small/moco,' "$work/cpu.csv"
awk -F, -v pairs=1 -v threads=2 -f "$bench/readings.awk" -f "$bench/methods.awk" "$work/cpu.csv" |
    grep -q '^| small, moco | 1.5 | - | 3.8 | 4.5 | 2.50 \[2.50, 2.50\] | - | 10 | - | 20 | 20 | 0.50 | - |$' ||
    fail 'methods.awk does not tell 3.75 / 1.5 and 10 / 20'
! grep -rn 'setlocale' "$there/engine" "$there/experiments" || fail 'a program takes a locale'

# ---- a folder with a space -------------------------------------------------------------------------------

cmake -S "$there" -B "$there/build" >"$work/said" 2>&1 ||
    fail "cmake in a folder with a space: $(tail -n 5 "$work/said")"
if grep -q 'CMAKE_CXX_COMPILER:' "$there/build/CMakeCache.txt"; then
    cmake --build "$there/build" --parallel 2 --target machine_watched >"$work/said" 2>&1 ||
        fail "build in a folder with a space: $(tail -n 5 "$work/said")"
fi

# ---- make from anywhere, with any path -------------------------------------------------------------------

repro() { said=$(cd "$from" && make -f "$there/Makefile.repro" "$@" 2>&1); }
odd=$work/'a  b'\''c$HOME'
for from in "$there" /; do
    repro help || fail "help from $from: $said"
    [[ $said == *table-stopgrad* ]] || fail "help from $from has no tables: $said"
    repro -n plan || fail "plan from $from: $said"
    repro data-synthetic DATA="$odd" || fail "an odd DATA from $from: $said"
    [[ $said == *"Data folder: $odd"* ]] || fail "an odd DATA from $from is another: $said"
    for wrong in "SEEDS=1'; touch $work/x; '" SEEDS= SEEDS='0 1' SCALE=% "SCALE=test '" JOBS=0 \
        "JOBS=1'"; do
        repro -n plan "$wrong" && fail "$wrong from $from is taken"
        [[ $said == *" is not "* ]] || fail "$wrong from $from: $said"
    done
    repro -n table-stopgrat && fail "table-stopgrat from $from is taken"
    [[ $said == *'there are: stopgrad '* ]] || fail "table-stopgrat from $from: $said"
done
# What is only shown, or refused, is text, too, whoever says it: no shell and no make runs it.
for name in SCALE DEVICE SEEDS BASE SECONDS; do
    for said in "a'; touch $work/x; '" "a; touch $work/x" "\$(shell touch $work/x)" "\`touch $work/x\`"; do
        (cd "$there" && make -f Makefile.repro help "$name=$said" 2>&1) >"$work/said"
        case $name in
        SCALE | DEVICE) grep -qF "$name=$said" "$work/said" || fail "$name=$said: $(grep "$name=" "$work/said")" ;;
        SEEDS) grep -qF "SEEDS=\"$said\"" "$work/said" || fail "SEEDS=$said: $(grep SEEDS "$work/said")" ;;
        esac
        (cd "$there" && export "$name=$said" && make -f Makefile.repro help) >/dev/null 2>&1
        (cd "$there" && make -f Makefile.repro data-synthetic "$name=$said") >/dev/null 2>&1
    done
done
[ ! -e "$work/x" ] || fail 'what was said was run by a shell'
from=/
repro data-synthetic DATA=here && fail 'a DATA from another folder, of which nobody knows where it is'
# What the fetch is given is what was said, not what a shell made of it.
from=$there
mkdir "$work/bin"
printf '#!/bin/sh\nprintf "%%s\\n" "$@" >"%s"\n' "$work/given" >"$work/bin/bash"
chmod +x "$work/bin/bash"
(cd "$there" && PATH=$work/bin:$PATH make -s -f Makefile.repro data-cifar100 DATA="$odd" >/dev/null 2>&1)
[ "$(tail -n 1 "$work/given" 2>/dev/null)" = "$odd" ] || fail "the fetch is given $(tail -n 1 "$work/given")"

# ---- TERM to make alone ----------------------------------------------------------------------------------

cat >"$work/long.sh" <<'END'
trap 'touch told; exit 75' TERM
touch runs
for ((i = 0; i < 100; i++)); do sleep 0.1; done
END
printf 'all:\n\t@cd "%s" && exec bash "%s/experiments/commands/hand_on.sh" bash long.sh\n' "$work" \
    "$there" >"$work/stopped.mk"
make -f "$work/stopped.mk" >"$work/said" 2>&1 &
make=$!
for ((i = 0; i < 100; i++)); do
    [ -e "$work/runs" ] && break
    sleep 0.1
done
kill -TERM $make
wait $make
[ -e "$work/told" ] || fail "TERM to make does not reach what it runs: $(<"$work/said")"
grep -q '^stopped; the same command goes on' "$work/said" || fail "a stop is not said: $(<"$work/said")"
# Whatever a recipe is made of, it ends with make, by the recipes' own shell.
cat >"$work/made.mk" <<END
SHELL := /bin/bash
.RECIPEPREFIX := >
.SHELLFLAGS := $root/experiments/commands/recipe.sh
all:
>@cd "$work"; sh -c 'trap "touch ended; exit 75" TERM; while :; do echo >>goes; sleep 0.1; done' | cat; sleep 50
status:
>@false | cat; [ \$\$? = 1 ] && exit 3
END
if [[ $root != *' '* ]]; then
    make -f "$work/made.mk" all >"$work/said" 2>&1 &
    make=$!
    for ((i = 0; i < 100; i++)); do
        [ -e "$work/goes" ] && break
        sleep 0.1
    done
    begun=$SECONDS
    kill -TERM $make
    wait $make
    before=$(stat -c %Y.%s "$work/goes")
    sleep 0.5
    [ "$before" = "$(stat -c %Y.%s "$work/goes")" ] || fail 'what make began goes on without it'
    [ -e "$work/ended" ] || fail "TERM to make does not reach what a pipe begins with: $(<"$work/said")"
    [ $((SECONDS - begun)) -lt 20 ] || fail 'make waits for what was told to end'
    make -s -f "$work/made.mk" status 2>&1 | grep -q 'Error 3' || fail 'a recipe ends with another status'
fi
for status in 0 1 5; do
    bash "$there/experiments/commands/hand_on.sh" sh -c "exit $status"
    got=$?
    [ $got = $((status == 5 ? 0 : status)) ] || fail "hand_on.sh ends with $got after $status"
done

[ $failed = 0 ] && echo 'test_places: as written'
exit $failed
