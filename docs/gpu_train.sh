#!/usr/bin/env bash
# Train on a machine that is lent for minutes: unpack the data, train for a fixed time, leave what matters in one folder.
#
#     fishy pack config/training/fishy-s.yaml packed --validation     # once, where the data is
#     docs/gpu_train.sh                                               # where the GPU is, in the same source tree
#
# PACKED   folder that `fishy pack` wrote (packed)          CONFIG   training configuration (config/training/fishy-s.yaml)
# MINUTES  length of the training (8)                       DEVICE   cuda, or cpu for a dry run (cuda)
# FACTOR   times the configured crops in each step (8)      RESULT   folder for the result (result)
# SCRATCH  folder for the unpacked data (a new one in TMPDIR)    MORE   further options of `fishy train`, such as
#                                                                       "--continue averaged.safetensors"
set -euo pipefail
PACKED=${PACKED:-packed} CONFIG=${CONFIG:-config/training/fishy-s.yaml} MINUTES=${MINUTES:-8} DEVICE=${DEVICE:-cuda}
FACTOR=${FACTOR:-8} RESULT=${RESULT:-result} SCRATCH=${SCRATCH:-$(mktemp -d)}
read -ra MORE <<<"${MORE:-}"

run=$SCRATCH/run
mkdir -p "$RESULT"
[[ -d $SCRATCH/data ]] || fishy unpack "$PACKED" "$SCRATCH/data"
trap 'cp -r "$run"/{weights,averaged}.safetensors "$run"/{scores,run}.json "$run"/predictions.png "$run"/curves "$RESULT"/ 2>/dev/null || true' EXIT
fishy train "$CONFIG" --data "$SCRATCH/data" --out "$run" --device "$DEVICE" --minutes "$MINUTES" \
  --batch-factor "$FACTOR" --validate-every 1000000 "${MORE[@]}" 2>&1 | tee "$RESULT/train.log"
