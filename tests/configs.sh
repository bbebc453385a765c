#!/bin/bash
# SPDX-License-Identifier: MIT
#
# configs.sh SIMSIAM CONFIG_DIR GOLDEN [--write] -- what each row of each table comes to at scale quick, against the
# golden file: the settings of Figure 2's row `with` in full, and of every other row what differs from them; at
# scale cifar10-small the rows that quick cannot host, and at scale imagenet those that it sets itself, against
# `with` of that scale.
# --write makes the golden file anew; its diff is then to be reviewed.
set -eu
export LC_ALL=C
simsiam=$1 configs=$2 golden=$3

resolved() { "$simsiam" config "$configs/$1.yaml" --scale "${3:-quick}" --row "$2" | grep -v '^#'; }
rows() { "$simsiam" config "$configs/$1.yaml" --scale quick | sed -n 's/^# [^ ]*, row \([^ ]*\), scale .*/\1/p'; }

told() {
    local base table row at scale
    base=$(resolved fig2_stopgrad with)
    printf 'fig2_stopgrad/with\n%s\n' "$base"
    for table in $("$simsiam" list --configs "$configs" --paper --only names); do
        for row in $(rows $table); do
            printf '%s/%s\n' "$table" "$row"
            diff <(echo "$base") <(resolved $table "$row") | sed -n 's/^> /  /p'
        done
    done
    for at in cifar10-small:{table2_batch/{2048,4096},alternation/100} \
        imagenet:{table3_bn/{none,hidden,default,no-affine,all},collapse/bn-{hidden,none}} \
        imagenet:table4_linear/{simclr-100,moco-800,byol-{100,200,400,800},swav-{100,800}} \
        imagenet:methodology/{simclr-predictor,swav-predictor,byol-no-momentum}; do
        scale=${at%:*} row=${at#*:}
        printf '%s at %s\n' $row $scale
        diff <(resolved fig2_stopgrad with $scale) <(resolved ${row%/*} ${row#*/} $scale) | sed -n 's/^> /  /p'
    done
}

if [ "${4:-}" = --write ]; then
    told >"$golden"
    exit
fi
now=$(told)
[ "$(grep -c '^[^ ]*/' <<<"$now")" -gt 40 ] || { echo 'configs.sh: rows are missing'; exit 1; }
diff -u "$golden" - <<<"$now" ||
    { echo "configs.sh: a row's settings changed (--write makes the golden file anew)"; exit 1; }
