#!/bin/bash
# SPDX-License-Identifier: MIT
#
# test_report.sh -- the report: every statement, escaped, nested, self-contained, the same bytes twice.
#
# usage: test_report.sh SIMSIAM CONFIG_DIR
set -u
export LC_ALL=C

simsiam=$(realpath "$1") configs=$(realpath "$2")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
page=results/test/report.html

failed=0
fail() { echo "FAILED: $*"; failed=1; }
report() { "$simsiam" report --configs "$configs" --scale test --seeds "1 2" "$@" >out 2>err </dev/null; }

# well_formed FILE: every element is closed where it should be, and texts hold no bare & or <.  An awk, since
# neither a validator nor Python is needed to build this.
well_formed() {
    awk '
        BEGIN { RS = "<"; split("meta br link img hr input", list, " "); for (i in list) empty[list[i]] = 1 }
        function bare(text) { gsub(/&(amp|lt|gt|quot|nbsp|#[0-9]+);/, "", text); return text ~ /&/ }
        NR == 1 { next }
        /^!DOCTYPE/ { next }
        {
            end = index($0, ">")
            if (!end) { print "a < that opens nothing: " substr($0, 1, 60); bad = 1; next }
            tag = substr($0, 1, end - 1)
            text = substr($0, end + 1)
            name = tolower(tag)
            sub(/^\//, "", name)
            sub(/[ \t\n\/].*/, "", name)
            if (name !~ /^[a-z][a-z0-9]*$/) { print "no element: <" substr(tag, 1, 60); bad = 1 }
            if (tag ~ /^\//) {
                if (open[depth] != name) { print "</" name "> closes <" open[depth] ">"; bad = 1 }
                depth--
            } else if (!(name in empty) && tag !~ /\/$/) open[++depth] = name
            if (name != "style" && (bare(text) || bare(tag))) { print "a bare & near <" tag ">"; bad = 1 }
        }
        END { if (depth) { print "never closed: <" open[depth] ">"; bad = 1 } exit bad }' "$1"
}
for wrong in '<p>a & b</p>' '<p><b>x</p></b>' '<p>1 < 2</p>' '<div><p>x</p>'; do
    echo "$wrong" >wrong.html
    well_formed wrong.html >wrong.out && fail "the check of nesting accepts $wrong"
done

self_contained() {       # self_contained WHEN
    grep -qi '<script' $page && fail "$1: a script in the page"
    grep -qiE '(src|href|action|data)=.?(https?:)?//|url\(.?https?:|@import' $page &&
        fail "$1: the page loads from elsewhere"
    grep -qi '<link' $page && fail "$1: a style sheet beside the page"
    well_formed $page || fail "$1: the page is not well formed, as above"
    if command -v xmllint >/dev/null; then
        xmllint --html --noout $page 2>&1 | grep ' error : ' | grep -v 'error : Tag .* invalid$' &&
            fail "$1: xmllint"                 # it knows no tag of HTML 5
    fi
    while read -r id; do
        grep -q "id=\"claim-$id\"" $page || fail "$1: no statement $id"
        grep -q "$id" results/test/claims.md || fail "$1: no statement $id in claims.md"
    done < <(sed -n 's/^\([a-z0-9-]*\):$/\1/p' "$configs/paper.yaml")
    [ "$(grep -oE ' id="[^"]*"' $page | sort | uniq -d | grep -vc gnuplot)" = 0 ] || fail "$1: an id stands twice"
}

# ---- nothing is run ------------------------------------------------------------------------------------

report || fail "report before any run: exit $?: $(<err)"
[ -s $page ] || { fail "no $page"; exit 1; }
self_contained 'before any run'
tables=0
for config in "$configs"/*.yaml; do
    name=$(basename "$config" .yaml)
    grep -q '^target: ' "$config" || continue
    grep -q "<section id=\"$name\">" $page || fail "no section for $name"
    tables=$((tables + 1))
done
[ "$(grep -c 'class="mark">Not run' $page)" = $tables ] ||
    fail "before any run not every table says so"

# ---- Figure 2 is run -----------------------------------------------------------------------------------

"$simsiam" run "$configs/fig2_stopgrad.yaml" --scale test --seeds "1 2" --threads 1 --quiet || fail "run: exit $?"
"$simsiam" table "$configs/fig2_stopgrad.yaml" --scale test --seeds "1 2" >/dev/null 2>&1 || fail "table: exit $?"
# A drawing as gnuplot writes it; its ids and names of namespaces are not the page's.
cat >results/test/fig2_stopgrad.svg <<'END'
<?xml version="1.0" encoding="utf-8" standalone="no"?>
<svg width="9" height="9" xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">
<title>Gnuplot</title><desc>Produced</desc><defs><circle id='dot' r='1'/></defs><use xlink:href='#dot'/></svg>
END
report || fail "report: exit $?: $(<err)"
self_contained 'with runs'
grep -q "xlink:href='#fig2_stopgrad-dot'" $page || fail 'the drawing is not in the page, or its ids have no prefix'
grep -qE 'http:|<title>Gnuplot' $page && fail "the drawing's namespaces or tooltip are in the page"
grep -q '<th scope="row">without</th><td class="n">0.1</td>' $page || fail "no row beside the paper's number"
grep -q '<code>stop_grad: false</code>' $page || fail 'the settings of row without do not say how it differs'
grep -q '<dt>train_hash</dt>' $page || fail 'no provenance'
first=$(sha256sum $page results/test/claims.md)
report
[ "$first" = "$(sha256sum $page results/test/claims.md)" ] || fail 'a second report has other bytes'
# What describes the folder to programs: every file that it names is there, every column has a type and a sentence.
if command -v python3 >/dev/null; then
    SOURCE_DATE_EPOCH=86400 report
    python3 - results/test <<'END' || fail 'datapackage.json or ro-crate-metadata.json, as above'
import csv, json, os, sys

folder = sys.argv[1]
package = json.load(open(folder + "/datapackage.json"))
assert package["profile"] == "tabular-data-package" and package["name"] == "simsiam-test"
assert package["licenses"][0]["name"] == "MIT"
names = [r["name"] for r in package["resources"]]
assert sorted(names) == ["claims", "fig2_stopgrad", "fig2_stopgrad_claims", "fig2_stopgrad_curves"], names
casts = {"number": float, "integer": int, "string": str}
for r in package["resources"]:
    fields = r["schema"]["fields"]
    assert all(len(f["description"]) > 4 for f in fields) and r["schema"]["missingValues"] == [""]
    with open(os.path.join(folder, r["path"]), newline="") as file:
        lines = list(csv.reader(file))
    assert lines[0] == [f["name"] for f in fields], r["path"]
    for line in lines[1:]:
        for f, text in zip(fields, line, strict=True):
            if text:
                casts[f["type"]](text)

crate = json.load(open(folder + "/ro-crate-metadata.json"))
assert crate["@context"] == "https://w3id.org/ro/crate/1.1/context"
by = {e["@id"]: e for e in crate["@graph"]}
assert len(by) == len(crate["@graph"]) and all("@type" in e for e in by.values())
assert by["ro-crate-metadata.json"]["about"] == {"@id": "./"}
assert by["ro-crate-metadata.json"]["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
root = by["./"]
assert root["@type"] == "Dataset" and root["datePublished"] == "1970-01-02", root["datePublished"]
for key in "name", "description", "license", "hasPart":
    assert root[key], key


def links(x):
    if isinstance(x, dict) and set(x) == {"@id"}:
        yield x["@id"]
    elif isinstance(x, (dict, list)):
        for y in x.values() if isinstance(x, dict) else x:
            yield from links(y)


for e in by.values():
    for link in links({k: v for k, v in e.items() if k != "conformsTo"}):
        assert link in by, link
parts = {p["@id"] for p in root["hasPart"]}
for part in parts:
    assert by[part]["@type"] == "File" and by[part]["encodingFormat"], part
    assert os.path.exists(os.path.join(folder, part)), part
assert {"fig2_stopgrad.csv", "fig2_stopgrad_caption.tex", "claims.md", "report.html", "datapackage.json"} <= parts
action = by["#fig2_stopgrad"]
assert action["@type"] == "CreateAction" and {"@id": "fig2_stopgrad.csv"} in action["result"]
END
    report
else
    echo 'no Python here: the metadata were not read'
fi
find results -name '*.tmp*' | grep . && fail 'a temporary file stays'

# Where runs/ holds nothing, the committed runs are shown, and marked.
report --runs nowhere || fail "report from committed runs: exit $?: $(<err)"
grep -q 'class="mark">From committed runs of code <code>[0-9a-f]\{16\}' $page ||
    fail 'committed runs are not marked'
self_contained 'from committed runs'

# A text that would be an element, or an entity, stands as it is.
cp -r "$configs" odd
sed 's/^title: .*/title: "A <b> \& a '"'quote'"'"/' "$configs/fig2_stopgrad.yaml" >odd/fig2_stopgrad.yaml
"$simsiam" report --configs odd --scale test --seeds "1 2" >out 2>err ||
    fail "report of odd texts: exit $?: $(<err)"
grep -q 'A &lt;b&gt; &amp; a &#39;quote&#39;' $page || fail 'a title is not escaped'
self_contained 'with odd texts'

# A code hash that somebody edited is none: no run of it is shown.
cp -r results edited
sed -i '/"code_hash"/,/}/s|": "[0-9a-f]\{16\}|": "<script src=//x>|' edited/test/provenance.json
grep -rqF '<script src=//x>' edited || fail 'no code hash was edited'
report --runs nowhere --results edited || fail "report of an edited code hash: exit $?: $(<err)"
grep -q 'is not what it was made as' err || fail "an edited code hash is believed: $(<err)"
grep -q '<script' edited/test/report.html && fail 'a code hash is an element of the page'

# ---- mistakes ------------------------------------------------------------------------------------------

report --scale nosuch
[ $? = 2 ] || fail 'a scale that is not there: not exit 2'
"$simsiam" report stray --configs "$configs" >out 2>err
[ $? = 2 ] || fail 'an operand: not exit 2'
"$simsiam" report --configs nowhere --scale test >out 2>err
[ $? = 2 ] || fail 'no folder of experiments: not exit 2'

[ $failed = 0 ] && echo 'test_report: as written'
exit $failed
