#!/usr/bin/env bash
# Fuzzes targets, two at a time: fuzz/run.sh [seconds=60] [target…]. Needs a stable toolchain and a C++ compiler.
# A target starts from its corpus and from what earlier runs found (fuzz/found). It fails on an input that
# panics, takes longer than 10 s or more than 2 GiB; that lies in fuzz/crashes then, and is named at the end.
# Mend the cause, add a test beside it, and put the input into the corpus.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-60}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(statement script graphs matrices pickle records encoders)

# What the crate rests on is built as ever, and shared with the tests.
RUSTC_WORKSPACE_WRAPPER=$PWD/instrument ${CARGO:-cargo} build --quiet --package seedbed-fuzz
programs=$(cargo metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/debug

# Files of inputs are written there, so that it had better be in memory.
export TMPDIR=$(mktemp -d -p "$([ -d /dev/shm ] && echo /dev/shm || echo "${TMPDIR:-/tmp}")")
trap 'rm -rf "$TMPDIR"' EXIT

fuzz() {
    local target=$1 log=$2/$1.log
    mkdir -p "found/$target" "crashes/$target"
    local dictionary=()
    [ ! -f "dictionaries/$target" ] || dictionary=("-dict=dictionaries/$target")
    local status=0
    "$3/$target" "found/$target" "corpus/$target" "${dictionary[@]}" -artifact_prefix="crashes/$target/" \
        -max_total_time="$4" -max_len=16384 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        > "$log" 2>&1 || status=$?
    local runs coverage
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    coverage=$(grep -o 'cov: [0-9]*' "$log" | tail -n 1)
    echo "$target: ${runs:-?} runs, ${coverage:-no coverage}$([ $status = 0 ] || echo ', FAILED')"
    if [ $status != 0 ]; then
        grep -v '^#' "$log" | grep -A 12 -m 1 'panicked at\|ERROR: libFuzzer' || true
        sed -n 's/.*Test unit written to /input: fuzz\//p' "$log"
        return 1
    fi
}
export -f fuzz
printf '%s\n' "${targets[@]}" | xargs -P 2 -I{} bash -c 'fuzz "$@"' _ {} "$TMPDIR" "$programs" "$seconds"
