#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test_identity.sh SIMSIAM CODE_HASH HASHED_FILES COMPILE_COMMANDS -- what the hash of the code counts
# and what it does not, by the build's own tool on copies of the sources; nothing is built.
set -u
export LC_ALL=C
simsiam=$1 tool=$2 list=$3 commands=$4
sources=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
check() { if "${@:2}"; then echo "ok - $1"; else echo "not ok - $1"; failed=1; fi; }
same() { [ "$1" = "$2" ]; }
differ() { [ "$1" != "$2" ]; }

mapfile -t told <"$list"
files=()              # hashed, shared or a method's own
own=()                # of the first method
for ((i = 1, at = 0; i < ${#told[@]}; i++)); do
    if [ "${told[i]}" = -- ]; then
        at=$((at + 1)) i=$((i + 1))
    elif [ -n "${told[i]}" ]; then
        files+=("${told[i]}")
        [ $at != 1 ] || own+=("${told[i]}")
    fi
done
check 'the build says which files are hashed' [ ${#files[@]} -gt 50 ]
check 'and which a method has for itself' [ ${#own[@]} -gt 0 ]
anew() {
    rm -rf "$work/tree"
    mkdir "$work/tree"
    (cd "$sources" && cp --parents "${files[@]}" "$work/tree")
}
# hashes [ARGUMENT...]: the methods' hashes of the tree as it is, by what the build tells the tool, or by
# ARGUMENT.
hashes() {
    [ $# -gt 0 ] || set -- "${told[@]}"
    (cd "$work/tree" && "$tool" "$work/out.h" - "$@") &&
        sed -n 's/^ *{ "\(.*\)", "\(.*\)" },.*/\1 \2/p' "$work/out.h"
}
anew
before=$(hashes)
first=${before%%$'\n'*}
check 'the program has the hash that the tool finds' same "$("$simsiam" info | grep -c "${first#* }")" 1

# ---- what does not count -------------------------------------------------------------------------

file=${own[0]} shared=engine/tape.c
printf '/* a comment */ // and another\n' >>"$work/tree/$shared"
check 'a comment does not count' same "$before" "$(hashes)"
sed -i -E 's/^ +/\t/; s/^(#[a-z]+) /\1  /; s/;$/ ;/' "$work/tree/$shared"
check 'nor does layout' same "$before" "$(hashes)"
sed -i '1i #include "another.h"' "$work/tree/$shared"
check 'nor an include line' same "$before" "$(hashes)"
sed -i -E 's/^(.*[^;{}]) (&&|\|\|) (.*)$/\1 \\\n\2 \3/' "$work/tree/$shared"
check 'nor a line continued' same "$before" "$(hashes)"
mv "$work/tree/$shared" "$work/tree/engine/renamed.c"
check 'nor the name of a file' same "$before" "$(hashes "${told[@]/#$shared/engine/renamed.c}")"
anew
check 'nor the order of the files' same "$before" "$(hashes "${told[0]}" "${told[2]}" "${told[1]}" "${told[@]:3}")"
hashed() { printf '%s\n' "${files[@]}" | grep -qx "$1"; }
told_in() { grep -lrF "$1" "$sources/engine" "$sources/experiments" | sed "s,^$sources/,,"; }
for text in 'treat the target as a constant' 'is at this run' 'cannot write %s/summary.json'; do
    check "\"$text\" is somewhere" [ -n "$(told_in "$text")" ]
    for place in $(told_in "$text"); do
        check "nor \"$text\" in $place" eval "! hashed $place"
    done
done
for room in pages suite commands; do
    check "nor experiments/$room" eval "! printf '%s\n' \"\${files[@]}\" | grep -q '^experiments/$room/'"
done

# ---- what counts ---------------------------------------------------------------------------------

# edit FILE TEXT: a line more.
edit() { anew; printf '%s\n' "$2" >>"$work/tree/$1"; }
edit "$shared" 'static const float more = 1;'
one=$(hashes)
check 'code counts' differ "$before" "$one"
edit "$shared" 'static const float more = 2;'
check 'and a constant' differ "$one" "$(hashes)"
edit "$shared" 'static const char text[] = "a b";'
one=$(hashes)
edit "$shared" 'static const char text[] = "a  b";'
check 'and blanks in a string' differ "$one" "$(hashes)"
edit "$shared" 'static const char text[] = "/* no comment */";'
one=$(hashes)
edit "$shared" 'static const char text[] = "/* or other */";'
check 'and what looks like a comment in a string' differ "$one" "$(hashes)"
edit "$shared" "static const char quote = '\"'; /* one */"
one=$(hashes)
edit "$shared" "static const char quote = '\"'; /* other */"
check 'but not a comment behind a quoted quote' same "$one" "$(hashes)"
edit "$shared" 'int more(int a, int b) { return a++ + b; }'
one=$(hashes)
edit "$shared" 'int more(int a, int b) { return a + ++b; }'
check 'and which signs belong together' differ "$one" "$(hashes)"
edit "$shared" '#define MORE(x) -x'
one=$(hashes)
edit "$shared" '#define MORE (x) -x'
check "and whether a macro has parameters" differ "$one" "$(hashes)"
anew
check 'and the flags' differ "$before" "$(hashes "${told[0]} -ffast-math" "${told[@]:1}")"
edit "$shared" 'const char *s = R"(raw)";'
check 'what the tool cannot read it refuses' eval '! hashes >/dev/null 2>&1'

# ---- methods apart -------------------------------------------------------------------------------

pair=("${told[0]}" "$shared" engine/nn.c -- one "$file" -- two engine/optim.c)
anew
apart=$(hashes "${pair[@]}")
edit "$file" 'static const float weight = 2;'
now=$(hashes "${pair[@]}")
check "a constant in one method's file changes that method" differ "${apart%$'\n'*}" "${now%$'\n'*}"
check 'and no other' same "${apart#*$'\n'}" "${now#*$'\n'}"
edit "$shared" 'static const float weight = 2;'
now=$(hashes "${pair[@]}")
check 'a constant in a shared file changes the one' differ "${apart%$'\n'*}" "${now%$'\n'*}"
check 'and the other' differ "${apart#*$'\n'}" "${now#*$'\n'}"

# A method that is added has a row in a table, files of its own, and ops that no other one calls.
edit engine/ops.h '#define MORE 1'
check 'what ops.h says beside ops counts' differ "$before" "$(hashes)"
edit engine/ops.h 'void op_more(dev_float *y, struct conv_shape s, size_t n);'
printf 'static void more(void) { }\n' >"$work/tree/more.c"
printf 'void op_more(void) { }\n' >"$work/tree/engine/cpu/more.c"
more=$(hashes "${told[@]}" -- more more.c engine/cpu/more.c)
check 'a method more, with an op of its own, changes no other' same "$before" "${more%$'\n'*}"
check 'and has a hash' [ "$(wc -l <<<"$more")" = $(($(wc -l <<<"$before") + 1)) ]
check 'nor does the table of methods' eval '! hashed experiments/methods/method.c'
edit "$shared" 'void more(void) { op_relu_fwd(a, b, 1); }'
one=$(hashes)
edit "$shared" 'void more(void) { op_relu_fwd(b, a, 1); }'
check 'but what is told an op counts' differ "$one" "$(hashes)"
edit "$shared" 'void op_more(int a) { b = a; }'
one=$(hashes)
edit "$shared" 'void op_more(int a) { b = -a; }'
check "and an op's definition" differ "$one" "$(hashes)"
# What one method alone calls or includes is its own, on both machines.
lists=$(sed -n '/^set(METHODS/,/^set(MACHINE_CPU /p' "$sources/CMakeLists.txt")
sed -n 's/^[a-z_]* op_\([a-z0-9_]*\)(.*/\1/p' "$sources/engine/ops.h" | while read -r op; do
    callers=$(cd "$sources" && grep -lrw "op_$op" experiments engine --include='*.[ch]' |
        grep -v '^engine/\(cpu\|cuda\|ops\.h\)' | sort)
    method=
    for one in $(sed -n 's/^set(METHODS \(.*\))/\1/p' <<<"$lists"); do
        own_files=$(sed -n "/^set(METHOD_$one\$/,/)/p" <<<"$lists" | grep -o '[a-z_/]*\.[a-z]*')
        for caller in $callers; do grep -qxF "$caller" <<<"$own_files" || continue 2; done
        [ -z "$callers" ] || method=$one
        [ -z "$method" ] || break
    done
    [ -n "$method" ] || continue
    echo "$op" >>"$work/own_ops"
    for file in $(cd "$sources" && grep -lE "^void op_$op\(" engine/cpu/*.c engine/cuda/*.cu); do
        grep -qxF "$file" <<<"$own_files" || echo "$file"
    done
done >"$work/not"
check "an op of one method alone is hashed with it: $(xargs <"$work/not")" [ ! -s "$work/not" ]
check "and there are such ops: $(xargs <"$work/own_ops")" [ -s "$work/own_ops" ]

# ---- the list is what is compiled ----------------------------------------------------------------

compiled=$(sed -n 's/^ *"file": "\(.*\)",*$/\1/p' "$commands" | sed "s,^$sources/,," | sort -u)
for one in "${files[@]}"; do
    [[ $one != *.c ]] || grep -qxF "$one" <<<"$compiled" || echo "$one"
done >"$work/not"
check "every hashed file is compiled: $(xargs <"$work/not")" [ ! -s "$work/not" ]
grep '^engine/cpu/' <<<"$compiled" | grep -vx engine/cpu/peak.c | while read -r one; do
    hashed "$one" || echo "$one"
done >"$work/not"
check "every file of the machine is hashed: $(xargs <"$work/not")" [ ! -s "$work/not" ]
# What a hashed file includes computes with it, but for what settings and papers are made of, and for the
# tables that the build makes of ops.h.
telling=' base.h config.h measures.h phase.h record.h settings.h '
telling+='ops_calls.h ops_members.h ops_names.h ops_values.h '
for one in "${files[@]}"; do
    sed -n 's/^# *include "\(.*\)".*/\1/p' "$sources/$one" | sed 's,.*/,,' | while read -r name; do
        [[ $telling == *" $name "* ]] || printf '%s\n' "${files[@]}" | grep -qE "(^|/)${name//./\\.}\$" ||
            echo "$one: $name"
    done
done >"$work/not"
check "every header of a hashed file is hashed: $(xargs <"$work/not")" [ ! -s "$work/not" ]

# ---- codes shown equal ---------------------------------------------------------------------------

a=$(printf a%.0s {1..64}) b=$(printf b%.0s {1..64}) c=$(printf c%.0s {1..64}) d=$(printf d%.0s {1..64})
group() { sed -n "s/.*\"$1\", \([0-9]*\) }.*/\1/p" "$work/out.h"; }
anew
printf '# of a test\n%s %s shown\n%s %s shown\n%s %s shown\n' $a $b $c $d $d $b >"$work/equal"
(cd "$work/tree" && "$tool" "$work/out.h" "$work/equal" flags $shared -- one)
all=$(group $b)$(group $c)$(group $d)
check 'what equals a third is equal' same "$(group $a)$(group $a)$(group $a)" "$all"
printf '%s %s shown\n%s %s shown\n' $a $b $c $d >"$work/equal"
(cd "$work/tree" && "$tool" "$work/out.h" "$work/equal" flags $shared -- one)
check 'what no line joins is not' differ "$(group $a)" "$(group $c)"
printf '%s %s\n' $a abc >"$work/equal"
check 'a line that is no two hashes is refused' \
    eval '! "$tool" "$work/out.h" "$work/equal" flags "$sources/$shared" -- one 2>/dev/null'

exit $failed
