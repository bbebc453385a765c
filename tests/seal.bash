# SPDX-License-Identifier: MIT
#
# seal.bash -- for tests that edit a paper which carries its own hash (experiments/run/seal.h).  Sourced.

# sealed FILE: its seal fits again, as someone would make it who wants it to be believed.
sealed() {
    local zeros hash
    printf -v zeros '%064d' 0
    sed -i -E "s/(\"seal\": \")[0-9a-f]{64}/\1$zeros/" "$1"
    hash=$(printf %s "$(<"$1")" | sha256sum)
    sed -i "s/\"seal\": \"$zeros/\"seal\": \"${hash%% *}/" "$1"
}
# unsealed FILE: committed runs as they were before lines had seals.
unsealed() { sed -i 's/"schema": 3/"schema": 2/; s/, "seal": "[0-9a-f]*"//' "$1"; }
# resealed FOLDER: a finished run's summary fits its metrics again.
resealed() {
    local hash
    hash=$(sha256sum <"$1/metrics.jsonl")
    sed -i "s/\"metrics_hash\": \".*\"/\"metrics_hash\": \"${hash%% *}\"/" "$1/summary.json"
    sealed "$1/summary.json"
}
