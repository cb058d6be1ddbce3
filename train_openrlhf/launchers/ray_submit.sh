#!/usr/bin/env bash
# A Ray cluster that is already up: submit the run whose folder is given, and follow its log.
#
#   ray start --head --num-gpus 8                       # on the first node
#   ray start --address HEAD:6379 --num-gpus 8          # on each of the others
#   export RAY_API_SERVER_ADDRESS=http://HEAD:8265
#   train_openrlhf/launchers/ray_submit.sh runs/qwen2.5-math-7b/random-0.5/s0
#
# All nodes must see the run folder, this repository and the Python environment at the same paths.
set -euo pipefail

run=${1:?give the run folder that train_openrlhf.launch wrote}
address=${RAY_API_SERVER_ADDRESS:?set it to the dashboard of the cluster, http://HEAD:8265}
python=${PYTHON:-python}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

[[ -f $run/argv.json ]] || { echo "error: $run/argv.json is missing: write it with train_openrlhf.launch --write" >&2; exit 2; }
run=$(cd "$run" && pwd)
mkdir -p "$run/log"

# The driver runs on the cluster; train_openrlhf.run joins the cluster from there and starts OpenRLHF.
"$python" -m ray.scripts.scripts job submit --address "$address" --submission-id "rlvr-$(date +%s)-$$" -- \
    env PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1 \
    "$python" -m train_openrlhf.run "$run/argv.json" 2>&1 | tee -a "$run/log/train.log"
