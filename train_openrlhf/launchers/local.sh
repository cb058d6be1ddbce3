#!/usr/bin/env bash
# One machine, one process tree: train the run whose folder is given.
#
#   python -m train_openrlhf.launch qwen2.5-math-7b/random-0.5/s0 --write     # writes and checks runs/.../s0
#   train_openrlhf/launchers/local.sh runs/qwen2.5-math-7b/random-0.5/s0
#
# The same is done by `launch` without --write. argv.json holds OpenRLHF's own flags, one text each.
set -euo pipefail

run=${1:?give the run folder that train_openrlhf.launch wrote}
python=${PYTHON:-python}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

[[ -f $run/argv.json ]] || { echo "error: $run/argv.json is missing: write it with train_openrlhf.launch --write" >&2; exit 2; }

# Libraries that would each start as many threads as there are cores.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
# The console's width decides where progress bars break; a log file has none.
export PYTHONUNBUFFERED=1
# From any folder, with the package installed or not; Ray's workers get it too.
export PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}

mkdir -p "$run/log"
# exec: a signal to this process reaches the trainer itself, which then stops Ray and its workers.
exec "$python" -m train_openrlhf.run "$run/argv.json" > >(tee -a "$run/log/train.log") 2>&1
