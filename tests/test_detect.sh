#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test_detect.sh -- `simsiam check --views` and `--metrics`: every grade planted and found, each form of output, the
# exit table, and what is refused.
#
# Forms that have a schema are held against it where there is a program that can (xmllint, Python's lxml and
# jsonschema); what they hold is looked at here in any case.
#
# usage: test_detect.sh SIMSIAM PLANTED_VIEWS SOURCE_DIR
set -u
export LC_ALL=C

simsiam=$(realpath "$1") planted=$(realpath "$2") source=$(realpath "$3")
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

. "$here/given.bash"
# given ARGUMENT...: runs `check`; status, out and err are what came back.  Standard input is the file `in`.
: >in
given() {
    "$simsiam" check "$@" >out.txt 2>err.txt <in
    status=$? out=$(<out.txt) err=$(<err.txt)
    what="simsiam check $*"
}
silent() { [ -z "$out" ] || fail "$what: on stdout: $out"; }

# ---- grades and the exit table ---------------------------------------------------------------------------

for kind in healthy dimensional partial complete constant undecided diverged; do
    "$planted" $kind 256 128 $kind.a $kind.b || fail "cannot plant $kind"
    given --views $kind.a $kind.b
    case $kind in
    constant)
        ends 4 "constant.b: complete:" "view share none" "directions none" "have no direction"
        given --views constant.a constant.b --others; ends 4 "RankMe 1.0" "alpha-ReQ none"
        [[ $out != *nan* ]] || fail "$what: a number that does not exist is not \`none\`: $out" ;;
    partial | complete) ends 4 "$kind.a, $kind.b: $kind:" "256 samples of 128 features" "|E z'|" ;;
    diverged) ends 5 "diverged: a number is not finite" "among rows 1 to 256" ;;
    *) ends 0 "$kind.a, $kind.b: $kind:" "thresholds away: complete +" ;;
    esac
    [ -z "$err" ] || fail "$what: on stderr: $err"
done
given --views healthy.a healthy.b partial.a partial.b; ends 4 "healthy.b: healthy" "partial.b: partial"
given --views diverged.a diverged.b partial.a partial.b; ends 5 diverged "partial.b: partial"
given --views healthy.a healthy.b --fail-on undecided; ends 0
given --views undecided.a undecided.b --fail-on undecided; ends 4
given --views dimensional.a dimensional.b --fail-on dimensional,undecided; ends 4
given --views complete.a complete.b --fail-on dimensional; ends 0
given --views complete.a complete.b --fail-on none; ends 0
given --views diverged.a diverged.b --fail-on none; ends 5
given --views partial.a partial.b --others --threads 1; ends 4 "lightly's level 0." RankMe LiDAR alpha-ReQ
# At rest the outputs are a constant, whatever the views are.
given --views partial.a partial.b --rest complete.a; ends 4 "partial.a, partial.b, at rest complete.a: complete"

# ---- forms -----------------------------------------------------------------------------------------------

mixed=(--views healthy.a healthy.b dimensional.a dimensional.b partial.a partial.b diverged.a diverged.b)

given "${mixed[@]}" --tap; ends 5 "TAP version 13"
[ "$(grep -v '^#' out.txt)" = "TAP version 13
1..4
ok 1 - healthy.a, healthy.b: healthy
ok 2 - dimensional.a, dimensional.b: dimensional
not ok 3 - partial.a, partial.b: partial
not ok 4 - diverged.a, diverged.b: diverged" ] || fail "$what: other TAP: $out"

cp partial.a "::error::x"
given "${mixed[@]}" "::error::x" partial.b --github; ends 5 "healthy.b: healthy: samples differ"
[ "$(grep -oE '^::[a-z]+' out.txt | paste -sd ' ')" = "::notice ::warning ::error ::error ::error" ] ||
    fail "$what: other annotations: $out"
grep -q '^::error title=simsiam check::partial.a, partial.b: partial: .* partial -[0-9]* %25,' out.txt ||
    fail "$what: not an annotation's text: $out"

given "${mixed[@]}" --others --json; ends 5
cp out.txt views.json
for line in '"schema": 1,' '"verdict": "dimensional",' '"fails": true,' '"why": "a number is not finite' \
            '"exit": 5,' '"samples": 256,' '"features": 128,' '"rankme": '; do
    [[ $out == *"$line"* ]] || fail "$what: no $line in: $out"
done

name=$'<&">\nno utf-8 \xff.a'
cp partial.a "$name"
given "${mixed[@]}" "$name" partial.b --junit views.xml; ends 5 "healthy.b: healthy"
[ "$(grep -c '<testcase ' views.xml)" = 5 ] && grep -q 'tests="5" failures="3" errors="0"' views.xml &&
    grep -qF 'name="&lt;&amp;&quot;&gt;?no utf-8 ?.a, partial.b"' views.xml &&
    [ "$(grep -oE '<failure type="[a-z]*"' views.xml | paste -sd ' ')" = \
      '<failure type="partial" <failure type="diverged" <failure type="partial"' ] ||
    fail "$what: another JUnit file: $(<views.xml)"
given --views "$name" partial.b --json; ends 4 '"name": "<&\">?no utf-8 ?.a, partial.b"'
cp views.xml kept.xml
given --views healthy.a nosuch --junit views.xml; ends 2
cmp -s views.xml kept.xml || fail "$what: written, and exit 2"
given --views healthy.a healthy.b --junit nosuch/views.xml; ends 1 "cannot write nosuch/views.xml"

cat >log.jsonl <<'END'
{"epoch": 0, "loss": null}
{"epoch": 1, "std_sqrtd": 0.9, "view_share": 0.2, "anything": "else"}
{"epoch": 2, "std_sqrtd": 0.2, "view_share": 0.9}

{"epoch": 4, "std_sqrtd": 0.1, "view_share": 0.95}
END
given --metrics log.jsonl; ends 4 "log.jsonl: partial:" "since epoch 2, at epoch 4" "|E z'| none, directions none" \
    "dimensional none"
given --metrics log.jsonl --json; ends 4
cp out.txt log.json
[ "$(sed -n '/"subjects"/,$p' log.json)" = '  "subjects": [
    {
      "name": "log.jsonl",
      "verdict": "partial",
      "fails": true,
      "epoch": 4,
      "since": 2,
      "evidence": {
        "std_sqrtd": 0.1,
        "mean_norm": null,
        "view_share": 0.95,
        "rank": null,
        "participation": null,
        "directions_90": null,
        "directions_99": null
      },
      "distance": {
        "complete": 1.0,
        "partial": -0.8,
        "dimensional": null
      }
    }
  ]
}' ] || fail "$what: other JSON: $out"

# Folders of runs, written here as a run under way has them: one without a monitored epoch is told, and passed over.
run_write() {        # run_write FOLDER LINE...
    mkdir -p "$1"
    printf 'monitor_count: 2000\ndim: 128\nprojector: [fc d]\n' >"$1/config.yaml"
    printf '%s\n' "${@:2}" >"$1/metrics.jsonl"
}
head='"oscillation":null,"std_train":0.5,"grad_norm":1,"lr":0.1,"lr_predictor":0.1'
tail='"knn":30.5,"knn_z":30,"cos_h":null,"cos_z":null'
untrained="{\"epoch\":0,\"loss\":null,$head}"
run_write dead "$untrained" "{\"epoch\":1,\"loss\":-0.9,$head,\"std_sqrtd\":0.01,\"mean_norm\":1,\
\"view_share\":null,\"rank\":0.5,$tail}"
run_write young "$untrained"
run_write diverged "$untrained" "{\"epoch\":1,\"loss\":null,$head}"
given dead young --json; ends 4 "young: nothing to judge yet" '"name": "dead",' '"verdict": "complete",' \
    '"finished": false,' '"since": 1,' '"rank": 64.0,' '"verdict": "none",' '"exit": 4,'
cp out.txt runs.json
given young --json; ends 75 '"why": "nothing to judge yet'
given dead --json --fail-on partial; ends 0 '"fails": false'
given diverged dead --json; ends 5 '"verdict": "diverged"' '"why": "diverged: a number stopped being finite'
given dead nosuch --json; ends 2 "nosuch: no run lies here"; silent
given dead young --tap; ends 4 "not ok 1 - dead: complete" "ok 2 - young: none # SKIP" "# nothing to judge yet"
given young --github; ends 75 "::warning title=simsiam check::young: none: nothing to judge yet"
given dead young --junit runs.xml; ends 4 "dead: complete since epoch 1, not finished, at epoch 1"
grep -q 'tests="2" failures="1" errors="0" skipped="1"' runs.xml || fail "$what: other sums: $(<runs.xml)"

# What a schema says of them, and that it would say so of others.  No program that can: said, and let be.
json_fits() {        # json_fits FILE
    python3 -c "
import json, sys, jsonschema
schema = json.load(open('$source/docs/check.schema.json'))
jsonschema.Draft202012Validator(schema).validate(json.load(open(sys.argv[1])))" "$1" >/dev/null 2>&1
}
xml_fits() {         # xml_fits FILE
    if command -v xmllint >/dev/null; then
        xmllint --noout --schema "$source/docs/junit.xsd" "$1" >/dev/null 2>&1
    else
        python3 -c "
import sys
from lxml import etree
etree.XMLSchema(etree.parse('$source/docs/junit.xsd')).assertValid(etree.parse(sys.argv[1]))" "$1" >/dev/null 2>&1
    fi
}
if python3 -c 'import jsonschema' 2>/dev/null; then
    for file in views.json log.json runs.json; do
        json_fits $file || fail "$file is not as docs/check.schema.json says"
    done
    sed 's/"verdict": "partial"/"verdict": "good"/' views.json >wrong.json
    ! json_fits wrong.json || fail "docs/check.schema.json accepts a verdict that is none"
else
    echo "not held against docs/check.schema.json: no Python with jsonschema here"
fi
if command -v xmllint >/dev/null || python3 -c 'import lxml' 2>/dev/null; then
    for file in views.xml runs.xml; do
        xml_fits $file || fail "$file is not as docs/junit.xsd says: $(<$file)"
    done
    sed 's/<failure type=/<failure tipe=/' views.xml >wrong.xml
    ! xml_fits wrong.xml || fail "docs/junit.xsd accepts an attribute that is none"
else
    echo "not held against docs/junit.xsd: neither xmllint nor Python's lxml here"
fi

# ---- what is refused ---------------------------------------------------------------------------------------

"$planted" healthy 255 128 few.a few.b
"$planted" healthy 256 127 narrow.a narrow.b
given --views few.a few.b; ends 2 "255 samples of 128 features; at least 256 are wanted"; silent
given --views healthy.a few.b; ends 2 "few.b: it is [255, 128], and healthy.a is [256, 128]"; silent
given --views healthy.a narrow.b; ends 2 "it is [256, 127]"; silent
given --views healthy.a healthy.b --rest narrow.a; ends 2 "narrow.a: it is [256, 127]"; silent
given --views healthy.a healthy.a; ends 2 "the two views are the same numbers"; silent
given --views healthy.a nosuch; ends 2 "nosuch: cannot open it: No such file"
given --views healthy.a healthy.b healthy.a nosuch; ends 2 "healthy.b: healthy" "nosuch: cannot open it"
given --views healthy.a healthy.b healthy.a nosuch --json; ends 2 "nosuch: cannot open it"; silent
given --views healthy.a healthy.b healthy.a nosuch --tap; ends 2 "nosuch: cannot open it"; silent
truncate -s -1 few.b
given --views few.a few.b; ends 2 "few.b: 130559 bytes of numbers" "is it whole?"
given --views healthy.a; ends 2 "in pairs"
given --views healthy.a healthy.b healthy.a; ends 2 "in pairs"
given --views; ends 2 "in pairs"
given --views - -; ends 2 "standard input"
given --views healthy.a healthy.b --rest healthy.a partial.a partial.b; ends 2 "one pair"
cp healthy.b in
cp healthy.a ./-rest
given --views healthy.a - --rest=-rest; ends 0 "at rest -rest: healthy"        # a file like any other
given --views healthy.a - --rest -; ends 2 "standard input"
: >in
given --views healthy.a healthy.b --json --tap; ends 2 "one of --json, --tap and --github"
given --views healthy.a healthy.b --fail-on parial; ends 2 'no grade "parial"; the nearest is partial'
given --views healthy.a healthy.b --fail-on partial,; ends 2 'no grade ""'
given --views healthy.a healthy.b --fail-on none,partial; ends 2 'no grade "none"'
given --views healthy.a healthy.b --metrics; ends 2 "one of the two"
given --views healthy.a healthy.b --scale test; ends 2 "do not go with --views"
given dead --others; ends 2 "go with --views"
given --experiment plan.yaml --json; ends 2 "do not go with --experiment"
given run --fail-on partail; ends 2 "the nearest is partial"
given --metrics; ends 2 "wants a FILE"
given --metrics log.jsonl --others; ends 2 "go with --views"

log() { printf '%s\n' "$@" >one.jsonl; given --metrics one.jsonl; }
log '{"epoch": 1, "std_sqrtd": 0.9, "view_share": null}'; ends 0 "view share none"
log '{"epoch": 1, "std_sqrtd": null, "view_share": null}'; ends 5 "diverged: std_sqrtd is no number at epoch 1"
log '{"epoch": 1}' '{"std_sqrtd": 0.9, "view_share": 0.3}'; ends 2 "one.jsonl:2:1: epoch: a whole number"
log '{"epoch": 1, "std_sqrtd": "0.9", "view_share": 0.3}'; ends 2 "one.jsonl:1:1: std_sqrtd: a number is wanted"
log '{"epoch": 1, "std_sqrtd": 0.9}'; ends 2 "one.jsonl:1:1: view_share: a number is wanted"
log '{"epoch": 1, "std_sqrtd": 0.9, "view_share": 0.3}' '{"epoch": 2,' ''
ends 2 "one.jsonl:2:" "JSON object a line"
# As Python's json writes what is no number; in a string it is a word.
log '{"epoch": 1, "std_sqrtd": NaN, "view_share": -Infinity}'; ends 5 "diverged: std_sqrtd is no number at epoch 1"
log '{"epoch": 1, "a \" NaN": "NaN\\", "std_sqrtd": 0.9, "view_share": NaN}'; ends 0 "view share none"
log '{"epoch": 1, "std_sqrtd": NaNN, "view_share": 0.3}'; ends 2 "one.jsonl:1:"
given --metrics .; ends 2 ".: it is a folder"
log '[1]'; ends 2 "one.jsonl:1:1: no object"
log '{"epoch": 1}'; ends 2 "no line holds epoch, std_sqrtd and view_share"
[[ $err != *delete* ]] || fail "$what: tells a stranger to delete: $err"
printf '{"epoch": 1, "std_sqrtd": 0.9, "view_share": 0.3}\n{"epoch": 2, "std_s' >one.jsonl
given --metrics one.jsonl; ends 0 "at epoch 1"        # a line that is being written
given --metrics nosuch; ends 2 "nosuch: cannot open it"
cp log.jsonl in
given --metrics -; ends 4 "-: partial"
cp healthy.b in
given --views healthy.a -; ends 0 "healthy.a, -: healthy"
seed=$source/tests/fuzz/corpus
given --views "$seed/npz/two-stored:a" "$seed/npz/two-deflated:b"; ends 2 "two-stored:a: 3 samples of 5 features"
given --views "$seed/npy/fortran" healthy.b; ends 2 "Fortran order"

# ---- what docs/ shows ---------------------------------------------------------------------------------------

read -ra hook <<<"$(sed -n 's/^ *entry: simsiam check //p' "$source/docs/collapse_pre_commit.yaml")"
given "${hook[@]}" log.jsonl; ends 4 "log.jsonl: partial"
read -ra step <<<"$(sed -n 's/^ *run: .*simsiam check //p' "$source/docs/collapse_workflow.yml")"
cp "$seed/npz/two-stored" out.npz
given "${step[@]}"; ends 2 "no array of that name"
given "${step[@]//out.npz:z?/healthy.a}"; ends 2 "same numbers"
[ "${step[*]}" = "--views out.npz:z1 out.npz:z2 --github --junit collapse.xml" ] ||
    fail "docs/collapse_workflow.yml calls something else: ${step[*]}"

[ $failed = 0 ] && echo 'detect: in order'
exit $failed
