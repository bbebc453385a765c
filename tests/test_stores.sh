#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test_stores.sh -- the same images in folders, as samples in tars, and nested in a tar of tars: one order, one
# hash, one run; an index that is stopped and goes on; archives that are wrong or have changed, by name and byte.
#
# usage: test_stores.sh SIMSIAM CONFIG_DIR
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

# ---- the same images, three times ------------------------------------------------------------------------------

# Each class's names are longer than a header of 100 bytes has room for in one of the two; classes sort by bytes.
long=$(printf 'of_a_long_name_%.0s' {1..9})
seed=0
for at in train/{Left,right}/{01..12} val/{Left,right}/{1..4}; do
    mkdir -p "$DATA/files/${at%/*}"
    [[ $at == */right/* ]] && at+=_$long
    "$simsiam" data views synthetic --out "$DATA/files/$at.png" --size 8 --images 1 --views 1 --seed $((++seed)) ||
        { echo 'cannot draw images'; exit 1; }
done

# Samples of both classes mixed, in two shards, in another order than the names', long names as pax and as GNU.
mkdir -p "$DATA"/{samples,nested} parts
for split in train val; do
    cp -r "$DATA/files/$split" parts/samples-$split
    for image in parts/samples-$split/*/*.png; do
        label=0
        [[ $image == */right/* ]] && label=1
        printf '%d\n' $label > "${image%.png}.cls"
        echo '{}' > "${image%.png}.json"
    done
    (cd parts/samples-$split && find . -name '*[02468]*.png' | sort -r | sed 's/png$//' | tee ../even |
        while read -r key; do printf '%s\n' "$key"{png,json,cls}; done |
        tar --format=pax -cf "$DATA/samples/$split-0.tar" -T - &&
        find . -name '*.png' | sort -r | sed 's/png$//' | grep -vxFf ../even |
        while read -r key; do printf '%s\n' "$key"{cls,png}; done |
        tar --format=gnu -cf "$DATA/samples/$split-1.tar" -T -)
    mkdir parts/nested-$split
    for class in right Left; do
        format=ustar
        [ $class = right ] && format=gnu
        tar --format=$format -cf parts/nested-$split/$class.tar -C "$DATA/files/$split/$class" . || exit 1
    done
    tar -cf "$DATA/nested/$split.tar" -C parts/nested-$split right.tar Left.tar || exit 1
    given data index "$DATA/samples/$split-"{0,1}.tar --out "$DATA/samples/$split.index"
    check "samples get an index" status_is 0
    check "with the SHA-256 of each archive" says "$(sha256sum "$DATA/samples/$split-1.tar")"
    given data index "$DATA/nested/$split.tar" --out "$DATA/nested/$split.index"
    check "a tar of tars gets one" status_is 0
done
check "and says what is in it" says "8 images of 2 classes in 1 archives"
check "nothing half-done is left" [ -z "$(find "$DATA" -name '*.part')" ]

hash() { "$simsiam" data verify "$1" 2>&1 | sed -n 's/.*\(SHA-256 [0-9a-f]*\)$/\1/p'; }
check "the samples' hash is the folders'" [ "$(hash files)" = "$(hash samples)" ]
check "and the nested tar's" [ "$(hash files)" = "$(hash nested)" ]
check "there is one for each split" [ "$(hash files | wc -l)" = 2 ]

small() {
    sed -e 's/^dataset: .*/dataset: folder/; s/^image_size: .*/image_size: 8/; s/^folder: .*/folder: '"$1"'/' \
        -e 's/^train_count: .*/train_count: 24/; s/^monitor_count: .*/monitor_count: 8/; s/^batch: .*/batch: 8/' \
        -e 's/^epochs: .*/epochs: 2/; s/^knn_every: .*/knn_every: 1/; s/^knn_k: .*/knn_k: 5/' \
        -e 's/^widths: .*/widths: [8, 8]/' \
        -e 's/^dim: .*/dim: 16/; s/^probe_epochs: .*/probe_epochs: 2/; s/^probe_batch: .*/probe_batch: 8/' \
        configs/scale/folder.yaml > configs/scale/small.yaml
}
options=(configs/fig2_stopgrad.yaml --row with --seeds 1 --scale small --quiet --checkpoint-seconds 0)
run() { given run "${options[@]}" "$@"; }
for store in files samples nested; do
    small images
    rm -f "$DATA/images"
    ln -s $store "$DATA/images"
    run --runs $store --threads 1
    check "a run on $store ends well" status_is 0
    for file in metrics.jsonl checkpoint.bin; do
        check "$file is the folders'" cmp files/*/seed-1/$file $store/*/seed-1/$file
    done
done

# One run, stopped on files, gone on with on samples, ended on the nested tar.
for store in files samples; do
    rm "$DATA/images"
    ln -s $store "$DATA/images"
    "$simsiam" run "${options[@]}" --runs moved --threads 1 2>/dev/null &
    sleep 0.08
    kill -TERM $! 2>/dev/null
    wait $!
done
rm "$DATA/images"
ln -s nested "$DATA/images"
run --runs moved --threads 1
check "a run goes on wherever its images lie" status_is 0
check "in one folder" [ "$(ls -d moved/*/seed-1 | wc -l)" = 1 ]
check "to the same bytes" cmp files/*/seed-1/checkpoint.bin moved/*/seed-1/checkpoint.bin

# ---- an index that is stopped ----------------------------------------------------------------------------------

# Holes in files are read as the zeros they are: more than one gigabyte of them, so that there is a time to stop at.
mkdir holes
for i in 1 2 3 4 5; do
    truncate -s 300M holes/$i.hole
    cp "$DATA/files/train/Left/0$i.png" holes/$i.png
    echo $((i % 2)) > holes/$i.cls
done
for i in 1 2 3 4 5; do printf '%s\n' holes/$i.{png,cls,hole}; done | tar -cf - -T - |
    dd bs=64K conv=sparse of=big.tar 2>/dev/null
mkdir whole cut
index=(data index big.tar "$DATA/samples/val-1.tar" --out)
given "${index[@]}" whole/train.index
check "an archive of a gigabyte gets an index" status_is 0
check "and its SHA-256" says "$(sha256sum big.tar | cut -d ' ' -f 1)"
for signal in KILL TERM; do
    "$simsiam" "${index[@]}" cut/train.index 2>err >/dev/null &
    # Until 256 MiB more have been noted, or it is through.
    for _ in {1..400}; do
        [ "$(cat cut/train.index.part 2>/dev/null | grep -ac '^at')" -gt "${noted:-0}" ] && break
        kill -0 $! 2>/dev/null || break
        sleep 0.01
    done
    kill -$signal $! 2>/dev/null
    wait $! 2>/dev/null
    status=$?
    [ $status = 0 ] && break
    noted=$(grep -ac '^at' cut/train.index.part)
    noted=${noted:-0}
    check "a stop of the index is 75, a kill no end" [ "$status" = 75 -o "$status" = 137 ]
    check "there is no index yet" [ ! -e cut/train.index ]
done
check "what was read is kept" [ "${noted:-0}" -gt 0 ]
given "${index[@]}" cut/train.index
check "the same command goes on" says "goes on with archive"
check "to the bytes of one that was not stopped" cmp whole/train.index cut/train.index
check "and leaves no other file" [ "$(ls cut)" = train.index ]
given "${index[@]}" cut/train.index
check "a third call has nothing to do" status_is 0
head -n 3 whole/train.index > cut/train.index
given data verify "$PWD/cut"
check "an index that was cut is none" status_is 2
check "by its name" says "cut/train.index: "
rm -r big.tar holes whole cut

# ---- archives that have changed --------------------------------------------------------------------------------

rm "$DATA/images"
ln -s samples "$DATA/images"
cp "$DATA/samples/val-0.tar" kept.tar
touch -d '2001-02-03' "$DATA/samples/val-0.tar"
given data verify samples
check "an archive that was only touched is read again and taken" status_is 0
check "said by its name" says "samples/val-0.tar: its time is another"
printf x | dd of="$DATA/samples/val-0.tar" bs=1 seek=2000 conv=notrunc 2>/dev/null
run --runs changed
check "one with another content is not" status_is 2
check "by its name too" says "images/val-0.tar: its SHA-256 is not that of"
: > "$DATA/samples/val-0.tar"
run --runs changed
check "nor one of another length" says "images/val-0.tar: it has 0 bytes, and had"
rm "$DATA/samples/val-0.tar"
run --runs changed
check "nor one that has gone" says "images/val-0.tar: it has gone"
check "and no run was begun" [ -z "$(find changed -name metrics.jsonl 2>/dev/null)" ]
cp -p kept.tar "$DATA/samples/val-0.tar"
mkdir "$DATA/samples/val"
run --runs changed
check "folders and an index of one name: nobody knows which is meant" says "there is $DATA/images/val beside it"
rmdir "$DATA/samples/val"

# ---- bad images ------------------------------------------------------------------------------------------------

bad=nested/train.tar
at=$(awk -F '\t' '$5 ~ /^07/ { print $3 }' "$DATA/nested/train.index" | tail -n 1)
cp "$DATA/$bad" kept.tar
printf 'no picture' | dd of="$DATA/$bad" bs=1 seek="$at" conv=notrunc 2>/dev/null
given data index "$DATA/$bad" --out "$DATA/nested/train.index"
check "an index is made of what lies there, whole or not" status_is 0
given data verify nested
check "a bad image of an archive is found" status_is 2
check "by file, byte and name" says "$bad at byte $at (right/07_"
rm "$DATA/images"
ln -s nested "$DATA/images"
run --runs bad
check "and ends a run" status_is 2
sed -i 's/^skip_bad: .*/skip_bad: 1/' configs/scale/small.yaml
run --runs skip
check "unless one may be skipped" status_is 0

# ---- archives that are wrong -----------------------------------------------------------------------------------

# member NAME KIND SIZE [FILE]: a header, its sum right, and a content.  SIZE: the field's 12 bytes, as for printf.
member() {
    {
        printf '%s' "$1"; head -c $((100 - ${#1})) /dev/zero
        printf '0000644\0000000000\0000000000\000'
        printf -- "$3"
        printf '00000000000\000        %s' "$2"
        head -c 355 /dev/zero
    } > header
    sum=$(od -An -v -tu1 header | awk '{ for (i = 1; i <= NF; i++) s += $i } END { printf "%06o", s }')
    printf '%s\0' "$sum" | dd of=header bs=1 seek=148 conv=notrunc 2>/dev/null
    cat header
    [ $# -lt 4 ] || { cat "$4"; head -c $(((512 - $(stat -c %s "$4") % 512) % 512)) /dev/zero; }
}
octal() { printf '%011o\\0' "$(stat -c %s "$1")"; }
end() { head -c 1024 /dev/zero; }
picture=$DATA/files/train/Left/01.png
echo 1 > label
echo one > words
printf '1e' > float
good() { member "$1.png" 0 "$(octal "$picture")" "$picture"; member "$1.cls" 0 "$(octal label)" label; }
pax() { printf '%s\n' "$1" > record; member pax x "$(octal record)" record; }
mkdir -p wrong
# wrong "sentence" BYTE "what is said": the archive is standard input.
wrong() {
    cat > wrong/a.tar
    given data index wrong/a.tar --out wrong/train.index
    check "$1: it ends with 2" status_is 2
    check "$1: named by file and byte" says "wrong/a.tar: byte $2: "
    check "$1: the reason" says "$3"
    check "$1: nothing is left behind" [ "$(ls wrong)" = a.tar ]
}
one=$(good a | wc -c)
{ good a; end; } > plain.tar
given data index plain.tar --out wrong/train.index
check "what is made here is an archive" status_is 0
rm wrong/train.index
head -c 700 plain.tar | wrong 'cut within a member' 0 'cut short'
head -c $one plain.tar | wrong 'cut behind a member' $one 'cut short'
head -c 100 plain.tar | wrong 'cut within a header' 0 'cut short'
{ good a; head -c 512 /dev/urandom; end; } | wrong 'no header' $one 'its sum is wrong'
{ good a; end; good b; end; } | wrong 'two archives in one file' $((one + 1024)) 'behind the archive'
{ member a.png 0 "$(octal "$picture")" "$picture"; end; } | wrong 'a sample without a label' 0 'without its label'
{ member a.cls 0 "$(octal label)" label; end; } | wrong 'a sample without an image' 0 'without an image'
{ good a; member a.jpg 0 "$(octal "$picture")" "$picture"; end; } | wrong 'two images in a sample' $one 'two images'
{ good a; good b; good a; end; } | wrong 'two samples of one name' $((2 * one + 512)) 'two images have one name'
{ member a.cls 0 "$(octal words)" words; end; } | wrong 'a label of letters' 0 'no integer'
{ member a.cls 0 "$(octal float)" float; end; } | wrong 'a label that is half a number' 0 'no integer'
{ member ../a.png 0 "$(octal "$picture")" "$picture"; end; } | wrong 'a name that leads out' 0 'a name with ..'
{ member b/../a.png 0 "$(octal "$picture")" "$picture"; end; } | wrong 'a name that leads back' 0 'a name with ..'
{ member /a.png 0 "$(octal "$picture")" "$picture"; end; } | wrong 'an absolute name' 0 'begins with /'
{ good a; member l.png 2 '00000000000\0'; end; } | wrong 'a symbolic link' $one 'a link: l.png'
{ good a; member l.png 1 '00000000000\0'; end; } | wrong 'a link' $one 'a link: l.png'
{ good a; member d.png 3 '00000000000\0'; end; } | wrong 'a device' $one 'no regular file'
{ member a.png 0 '77777777777\0'; end; } | wrong 'a size beyond the file' 0 'cut short'
{ member a.png 0 '\377\377\377\377\377\377\377\377\377\377\377\376'; end; } |
    wrong 'a size below zero' 0 'negative or no number'
{ member a.png 0 '-0000000010\0'; end; } | wrong 'a size with a sign' 0 'negative or no number'
{ member a.png 0 '\200\000\000\000\001\000\000\000\000\000\000\000'; end; } |
    wrong 'a size of 64 bits beyond the file' 0 'cut short'
{ member a.png 0 '\200\377\377\377\377\377\377\377\377\377\377\377'; end; } |
    wrong 'a size of more bits' 0 'negative or no number'
{ pax '20 size=99999999999'; good a; end; } | wrong 'a pax size beyond the file' 0 'cut short'
{ pax '13 size=-100'; good a; end; } | wrong 'a pax size below zero' 0 'no number of bytes'
{ pax '99 path=a.png'; good a; end; } | wrong 'a pax header that lies' 0 'no list of LENGTH KEY=VALUE'
{ pax '17 path=../a.png'; good a; end; } | wrong 'a pax name that leads out' 0 'a name with ..'
{ pax '14 path=a.png'; end; } | wrong 'a pax header for nothing' 0 'there is none'
{ member in.tar 0 "$(octal plain.tar)" plain.tar; good a; end; } | wrong 'tars and samples' \
    $((512 + $(stat -c %s plain.tar))) 'archives in an archive and samples'
head -c 1000 plain.tar > short.tar
{ member in.tar 0 "$(octal short.tar)" short.tar; end; } | wrong 'an inner archive that is cut' 512 'cut short'
end > empty.tar
{ member in.tar 0 "$(octal empty.tar)" empty.tar; end; } | wrong 'an inner archive of nothing' 0 'no image'
end | wrong 'an archive of nothing' 0 'no image'
# A size of 12 bytes in base 256 that is right is taken.
size=$(stat -c %s "$picture")
printf -v large '\\200%s\\%03o\\%03o' "$(printf '\\000%.0s' {1..9})" $((size >> 8)) $((size & 255))
{ member a.png 0 "$large" "$picture"
  member a.cls 0 "$(octal label)" label; end; } > wrong/a.tar
given data index wrong/a.tar --out wrong/train.index
check "a size in base 256 is read" status_is 0
given data index wrong/none.tar --out wrong/val.index
check "an archive that is not there ends with 2" status_is 2
given data index wrong/a.tar wrong/../wrong/a.tar --out wrong/val.index
check "one that is named twice too" says "it is named twice"
given data index wrong/a.tar --out wrong/index.txt
check "an index has a name that a run looks for" says "train.index, val.index or test.index"

exit $failed
