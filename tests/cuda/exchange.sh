#!/bin/bash
# SPDX-License-Identifier: MIT
#
# exchange.sh SIMSIAM OTHER CONFIGS -- either machine reads the other's checkpoint and comes to the same numbers;
# runs of the two are told apart; and what is no run's folder, or another row's, is refused.
set -eu
export LC_ALL=C
simsiam=$(realpath "$1") other=$(realpath "$2") configs=$(realpath "$3")
. "$(dirname "$0")/../seal.bash"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
ln -s "$configs" configs
fail() { echo "exchange.sh: $*" >&2; exit 1; }
fig2=(configs/fig2_stopgrad.yaml --scale test --row with)

"$simsiam" run "${fig2[@]}" --seeds 1 --threads 1 --quiet
"$other" run "${fig2[@]}" --seeds 1 --quiet
folders=(runs/*/seed-1)
[ ${#folders[@]} = 2 ] || fail "two machines make two runs, not ${folders[*]}"
grep -q '"machine": "cpu"' "${folders[0]}/provenance.json" || folders=("${folders[1]}" "${folders[0]}")
grep -q '"machine": "cuda"' "${folders[1]}/provenance.json" || fail 'no run of the other machine'

# same FILE FILE: the numbers, to the last digit shown but for rounding.
same() {
    paste <(grep -oE -- '-?[0-9]+\.[0-9]+' "$1") <(grep -oE -- '-?[0-9]+\.[0-9]+' "$2") |
        awk '{ if ($1 - $2 > 0.002 || $2 - $1 > 0.002) wrong = 1 } END { exit wrong || NR < 8 }' ||
        fail "the machines differ: $(cat "$1" "$2")"
}
for folder in "${folders[@]}"; do
    "$simsiam" eval "${fig2[@]}" --from "$folder" --threads 1 >cpu.txt
    "$other" eval "${fig2[@]}" --from "$folder" >other.txt
    same cpu.txt other.txt
done
grep -q 'by machine cuda' cpu.txt || fail "who made it is not said: $(<cpu.txt)"

# refused MESSAGE ARGUMENT...
refused() {
    local status=0
    "$simsiam" eval "${@:2}" >out.txt 2>&1 || status=$?
    [ $status = 2 ] && grep -qF "$1" out.txt || fail "$*: exit $status, $(<out.txt)"
}
refused 'other settings' configs/fig2_stopgrad.yaml --scale test --row without --from "${folders[1]}"
refused 'of seed 1' "${fig2[@]}" --seed 2 --from "${folders[1]}"
refused 'config.yaml' "${fig2[@]}" --from .
# A checkpoint that the papers beside it do not speak of.
sed -i 's/"machine": "cuda"/"machine": "cpu"/' "${folders[1]}/provenance.json"
sealed "${folders[1]}/provenance.json"
refused 'another run' "${fig2[@]}" --from "${folders[1]}"
sed -i 's/"machine"/"maschine"/' "${folders[1]}/provenance.json"
sealed "${folders[1]}/provenance.json"
refused 'machine' "${fig2[@]}" --from "${folders[1]}"
echo '{' >"${folders[1]}/provenance.json"
refused 'provenance.json:2:' "${fig2[@]}" --from "${folders[1]}"
