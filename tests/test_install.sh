#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test_install.sh -- installed into a folder of its own (a blank in its name, with and without DESTDIR),
# moved, and used by another user from another folder, who cannot write there: lists, a run, its table,
# check, figures, and make.
#
# usage: test_install.sh BUILD SOURCE
set -u
export LC_ALL=C

build=$(realpath "$1") source=$(realpath "$2")
work=$(mktemp -d) || exit 1
chmod 755 "$work"
other=(setpriv --reuid=65534 --regid=65534 --clear-groups)
# Where temporary files lie in a folder that is one user's alone, another one cannot come.
if [ "$(id -u)" = 0 ] && "${other[@]}" true 2>/dev/null && ! "${other[@]}" test -x "$work/."; then
    rmdir "$work"
    work=$(mktemp -d /tmp/simsiam-install-XXXXXX) || exit 1
    chmod 755 "$work"
fi
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
unset MAKEFLAGS MAKELEVEL MFLAGS DATA XDG_CACHE_HOME SIMSIAM

failed=0
fail() { echo "FAILED: $*" | head -c 800; echo; failed=1; }

# ---- the files -------------------------------------------------------------------------------------------

DESTDIR=$work/packed cmake --install "$build" --prefix '/opt/sim siam' >log 2>&1 || fail "install: $(tail -n 3 log)"
[ "$(ls packed)" = opt ] || fail "DESTDIR is not all that is written to: $(ls packed)"
cmake --install "$build" --prefix "$work/there" >log 2>&1 || fail "install: $(tail -n 3 log)"
files() { (cd "$1" && find . -type f -o -type l | sort); }
diff <(files packed/opt/'sim siam') <(files there) >log || fail "other files with DESTDIR: $(<log)"
mv "packed/opt/sim siam" 'a place'
rm -r packed there
for file in bin/simsiam share/simsiam/{Makefile.repro,plots/draw.sh} \
    share/simsiam/configs/{fig2_stopgrad,paper,scale/quick}.yaml \
    share/man/man1/simsiam.1 share/bash-completion/completions/simsiam share/zsh/site-functions/_simsiam \
    share/fish/vendor_completions.d/simsiam.fish share/doc/simsiam/{LICENSE,README.md,docs/install.md} \
    include/simsiam_collapse.h; do
    [ -s "a place/$file" ] || fail "not installed: $file"
done
diff <(cd "$source/configs" && find . -name '*.yaml' | sort) \
    <(cd 'a place/share/simsiam/configs' && find . -name '*.yaml' | sort) >log || fail "configs: $(<log)"
cmp -s 'a place/share/man/man1/simsiam.1' <('a place/bin/simsiam' --manual) || fail "another program's manual"
grep -rlF -e "$source" -e "$work" 'a place' --include='*.pc' --include='*.1' --include='*.sh' >log &&
    fail "a path of the builder's: $(<log)"

# ---- by somebody else ------------------------------------------------------------------------------------

# as COMMAND...: as a user who owns nothing but his folder.
chmod -R a+rX,go-w 'a place'
mkdir -m 700 home
as=(env HOME="$work/home")
if [ "$(id -u)" = 0 ] && "${other[@]}" true 2>/dev/null; then
    chown 65534:65534 home
    as=("${other[@]}" --inh-caps=-all "${as[@]}")
else
    echo 'not root, or no setpriv here: by this user, not by another'
    chmod -R a-w 'a place'
fi
ls -lR --full-time 'a place' >before
program=$work/a\ place/bin/simsiam share=$work/a\ place/share/simsiam
given() {            # given COMMAND...: in his folder; out, err and status are what came back
    (cd home && exec "${as[@]}" "$@") >out 2>err </dev/null
    status=$? out=$(<out) err=$(<err) what=$*
}
done_() { [ $status = 0 ] || fail "$what: exit $status: $out $err"; }

given "$program" info; done_
grep -qxF "configs    $share/configs" <<<"$out" || fail "info does not say where configs are: $out"
given "$program" list; done_
[ "$(grep -cF "$share/configs/" <<<"$out")" -gt 10 ] || fail "list: $out"
run=(configs/fig2_stopgrad.yaml --scale test --seeds '1 2')
given "$program" run "${run[@]}" --quiet --threads 1; done_
given "$program" table "${run[@]}"; done_
grep -q '^with  *2 ' <<<"$out" || fail "the table has no two seeds: $out"
given bash -c 'exec "$0" check runs/*/seed-*' "$program"
[ $status = 75 ] || fail "check, with the untrained one that nothing is said of: exit $status: $err"
[ "$(grep -cE '^runs/.*: (healthy|dimensional|partial|complete|undecided)' <<<"$out")" = 4 ] || fail "check: $out"
given "$program" report --scale test; done_
[ -s home/results/test/report.html ] || fail 'no report'
# A row of his own, with no scale beside it.
printf 'rows:\n  - { name: one, dim: 16 }\n' >home/mine.yaml
given "$program" run mine.yaml --scale test --seeds 1 --quiet --threads 1; done_
given "$program" table mine.yaml --scale test --seeds 1; done_
given "$program" run mine.yaml --scale tset
[ $status = 2 ] && grep -q 'did you mean test' <<<"$err" || fail "a wrong scale: exit $status: $err"
given "$program" run configs/nosuch.yaml
[ $status = 2 ] && grep -q '^configs/nosuch.yaml:1:1: cannot read it' <<<"$err" || fail "no such file: $err"
# What lies beside him comes first, if it is ours.
mkdir -p home/configs/scale
given "$program" info
grep -qx 'configs    configs' <<<"$out" || fail "configs/ beside the user is passed over: $out"
rmdir home/configs/scale
given "$program" info
grep -qxF "configs    $share/configs" <<<"$out" || fail "a folder that happens to be called configs: $out"
rmdir home/configs
if command -v gnuplot >/dev/null; then
    given bash "$share/plots/draw.sh" fig2_stopgrad test results; done_
    [ -s home/results/test/fig2_stopgrad.svg ] || fail 'draw.sh: no figure'
    rm home/results/test/fig2_stopgrad.svg
    repro=(make -f "$share/Makefile.repro" SCALE=test SEEDS='1 2' JOBS=2)
    given "${repro[@]}" table-stopgrad figures report; done_
    [ -s home/results/test/fig2_stopgrad.svg ] || fail 'make: no figure'
    given "${repro[@]}" help; done_
    grep -q '^  table-stopgrad ' <<<"$out" || fail "make help: $out"
    grep -qE '^  (ci|bench|deps|check-collapse) ' <<<"$out" && fail "make help has what needs a checkout: $out"
    given "${repro[@]}" ci
    [ $status = 2 ] && grep -q 'ci needs a checkout' <<<"$err" || fail "make ci: exit $status: $err"
else
    echo 'no gnuplot here: figures, and make, were not looked at'
fi
ls -lR --full-time 'a place' | diff before - >log || fail "what is installed was written to: $(<log)"
chmod -R u+w 'a place'

[ $failed = 0 ] && echo 'test_install: as written'
exit $failed
