#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test_manual.sh -- the manual and the shells' completion are the tables of commands and options: all of them are
# there, man finds nothing wrong, and each shell that is here completes by them; README and docs/ use no others.
#
# usage: test_manual.sh SIMSIAM CONFIG_DIR
set -u
export LC_ALL=C

simsiam=$(realpath "$1") configs=$(realpath "$2") root=$(realpath "$(dirname "$0")/..")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

failed=0
fail() { echo "FAILED: $*" | head -c 800; echo; failed=1; }

"$simsiam" --manual >simsiam.1 || fail "--manual: exit $?"
for shell in bash zsh fish; do "$simsiam" completion $shell >$shell || fail "completion $shell: exit $?"; done

# ---- the same tables -------------------------------------------------------------------------------------

# pages: "COMMAND OPTION" for each option that --help names, "COMMAND" alone for each command.
commands=$("$simsiam" --help | sed -n '/^  [a-z]/p' | awk '{ print $1 }')
actions=$("$simsiam" data --help | sed -n '/^  [a-z]/p' | awk '{ print "data " $1 }')
[ "$(wc -w <<<"$commands")" -ge 15 ] || fail "there are few commands: $commands"
while read -r page; do
    read -ra words <<<"$page"
    said=$("$simsiam" "${words[@]}" --help | sed -n 's/^  --\([a-z-]*\).*/\1/p' | grep -vx help)
    echo "$page"
    for option in $said; do echo "$page --$option"; done
done < <(grep -vx data <<<"$commands"; echo "$actions") | sort >told

awk '/^\.SS / { page = substr($0, 5); next }
     /^\.SH / { page = "" }
     page == "" || page == "data" { next }
     page != last { print page; last = page }
     /^\.B \\-\\-/ { name = $2; sub(/\\f.*/, "", name); print page " " name }' simsiam.1 |
    sed 's/\\-/-/g' | sort >in_manual
# Cases of bash and zsh: 'COMMAND') opens one.
page='function page_of(line) { gsub("^ *" quote "|" quote "[)]$", "", line); return line }'
awk -v quote="'" "$page"'/^    .*[)]$/ { page = page_of($0) }
     /^        options=/ { gsub("^ *options=" quote "|" quote "$", ""); print page
                           n = split($0, option, " ")
                           for (i = 1; i < n; i++) print page " " option[i] }' bash | sort >in_bash
awk -v quote="'" "$page"'/^    .*[)]$/ { page = page_of($0) }
     /^        _arguments/ { print page }
     /^            .--/ { name = $1; sub(/^./, "", name); sub(/[=[].*/, "", name)
                          if (name != "--help") print page " " name }' zsh | sort >in_zsh
sed -n "s/^complete -c simsiam -n '__simsiam_at \([^';]*\)' -l \([a-z-]*\) .*/\1 --\2/p" fish |
    awk '{ page = $0; sub(/ --.*/, "", page); if (!is[page]++) print page; if (!/ --help$/) print }' |
    sort >in_fish
[ "$(wc -l <told)" -gt 90 ] || fail "there are few options: $(<told)"
for where in manual bash zsh fish; do
    diff told "in_$where" >differs || fail "the options of $where are others than --help's: $(<differs)"
done
for command in $commands; do
    grep -qx "\.B $command" simsiam.1 || fail "the manual's list lacks $command"
    grep -q " '$command:" zsh || fail "zsh lacks $command"
    grep -q "__simsiam_count 1' -f -a $command " fish || fail "fish lacks $command"
done
for status in 0 1 2 3 4 5 75; do
    grep -qx "\.B $status" simsiam.1 || fail "the manual lacks exit status $status"
done

# What README and docs/ show of the program, there is.
shown=0
while read -r page; do
    read -r command action _ <<<"$page"
    [ "$command" != data ] || command+=" $action"
    grep -qx -- "$command" told || { fail "there is no command: simsiam $page"; continue; }
    for option in $(grep -oE -- ' --[a-z-]+' <<<"$page"); do
        shown=$((shown + 1))
        [ "$option" = --help ] || grep -qx -- "$command $option" told ||
            fail "there is no $option in: simsiam $page"
    done
done < <(cat "$root"/README.md "$root"/docs/*.md | sed -n '/^```sh$/,/^```$/p' |
    grep -oE '(^|[ /;&])simsiam [a-z][^#|&;]*' | sed 's/^.*simsiam //')
[ $shown -ge 30 ] || fail "README and docs/ show only $shown options"
# README's own row is one.
sed -n '/^```yaml$/,/^```$/p' "$root/README.md" | sed '1d; $d' >mine.yaml
rows=$("$simsiam" config mine.yaml | sed -n 's/^# mine, row \([^,]*\), .*/\1/p' | xargs)
[ "$rows" = 'default no-colour' ] || fail "README's own file has the rows: $rows"

# ---- man -------------------------------------------------------------------------------------------------

looked=
if command -v groff >/dev/null && compgen -G '/usr/share/groff/*/tmac/an.tmac' >/dev/null; then
    looked+=' groff'
    said=$(groff -man -ww -z -Tutf8 simsiam.1 2>&1) || fail "groff: exit $?"
    [ -z "$said" ] || fail "groff warns: $said"
fi
if command -v mandoc >/dev/null; then
    looked+=' mandoc'
    said=$(mandoc -T lint -W style simsiam.1 2>&1)
    [ -z "$said" ] || fail "mandoc warns: $said"
fi
if man -l simsiam.1 >/dev/null 2>&1; then
    looked+=' man'
    said=$(MANWIDTH=80 man --warnings -l simsiam.1 2>&1 >page)
    [ -z "$said" ] || fail "man warns: $said"
    [ "$(grep -c . page)" -gt 300 ] || fail "man shows little: $(head -n 5 page)"
fi

# ---- the words -------------------------------------------------------------------------------------------

ln -s "$configs" configs
same() { [ "$2" = "$3" ] || fail "$1: $(diff <(echo "$2") <(echo "$3"))"; }
same scales "$("$simsiam" completion scales)" "$(cd configs/scale && printf '%s\n' *.yaml | sed 's/\.yaml$//')"
same experiments "$("$simsiam" completion experiments)" "$(printf '%s\n' configs/*.yaml | grep -v paper)"
same targets "$("$simsiam" completion targets)" "$("$simsiam" list --only targets)"
same rows "$("$simsiam" completion rows -- run --scale test configs/fig2_stopgrad.yaml --row '')" \
    $'with\nwithout\nuntrained'
same sets "$("$simsiam" completion sets)" "$("$simsiam" data list | sed -n 's/^  \([a-z0-9-]*\) .*images, .*/\1/p')"
same 'rows of nothing' "$("$simsiam" completion rows -- run)" ''
"$simsiam" completion bahs >out 2>err
[ $? = 2 ] && [ ! -s out ] && grep -q 'did you mean bash' err || fail "a wrong shell: $(<err)"

# ---- shells ----------------------------------------------------------------------------------------------

cat >ask.bash <<'END'
. ./bash
complete -p simsiam >/dev/null || exit
compopt() { :; }                   # it asks for a completion under way
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_simsiam
printf '%s\n' "${COMPREPLY[@]}"
END
# A terminal of its own, in which TAB is pressed, and its answer waited for.
cat >ask.zsh <<'END'
zmodload zsh/zpty
zpty z zsh -f
zpty -w z 'PS1=; RPS1=; stty cols 300 rows 200; unsetopt prompt_cr prompt_sp; setopt no_beep'
zpty -w z 'autoload -Uz compinit && compinit -u -d ./dump; . ./zsh; bindkey "^I" list-choices'
zpty -w z 'print -r -- rea""dy'
zpty -r -m z line '*ready*'
zpty -n -w z "$1"$'\t'
for i in {1..150}; do
    while zpty -r -t z line; do print -rn -- "$line"; done | tee -a heard
    grep -qF -e "$2" heard && break
    sleep 0.1
done
sleep 0.2
while zpty -r -t z line; do print -rn -- "$line"; done
rm heard
zpty -d z
END
mkdir bin config && ln -s "$simsiam" bin/simsiam
# offered SHELL WANTED WORD...: the shell offers the words that are wanted for the last WORD.
offered() {
    local got word
    case $1 in
        bash) got=$(bash --norc ask.bash "$simsiam" "${@:3}" 2>&1) ;;
        fish)
            got=$(PATH=$work/bin:$PATH XDG_CONFIG_HOME=$work/config HOME=$work fish --no-config -c \
                'source ./fish; complete -C $argv[1]' "simsiam ${*:3}" 2>&1 | sed 's/\t.*//') ;;
        zsh)
            got=$(PATH=$work/bin:$PATH TERM=dumb zsh -f ask.zsh "simsiam ${*:3}" "${2##* }" 2>&1 | tr -d '\r\a' |
                sed $'s/\e[[][0-9?;]*[A-Za-z]//g' | tr -s ' ' '\n') ;;
    esac
    for word in $2; do
        grep -qxF -- "$word" <<<"$got" || { fail "$1: no $word for: simsiam ${*:3}: $got"; return; }
    done
}
shells=bash
for shell in fish zsh; do ! command -v $shell >/dev/null || shells+=" $shell"; done
for shell in $shells; do
    offered $shell 'run report' r
    offered $shell 'verify views' data v
    offered $shell '--scale --seeds --stop-on-collapse' run --s
    offered $shell 'quick quick-select' run --scale qui
    offered $shell 'with without' eval configs/fig2_stopgrad.yaml --row wi
    offered $shell 'stopgrad symmetry similarity' list s
    offered $shell 'cifar10 cifar100' data verify cif
    offered $shell 'fp32 fp16' bench --precision fp
done
offered bash configs/fig2_stopgrad.yaml run configs/fig2_
offered bash quick run --scale = qui
offered bash 'run --version' ''

[ $failed = 0 ] && echo "test_manual: as the tables say; looked at by:$looked; shells: $shells"
exit $failed
