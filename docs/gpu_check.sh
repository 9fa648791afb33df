#!/usr/bin/env bash
# Everything that only a GPU can prove, in at most 8 minutes and without a network; the result is OUT/gpu_check.json.
set -uo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly ROOT

usage() {
  cat <<'END'
usage: docs/gpu_check.sh [OPTION ...]

  --out DIR          folder of the result (out/gpu_check)
  --wheels DIR       install these wheels first, without a network; parts of one (X.whl.part-*) are joined
  --frames DIR       labelled frames (images/, labels/) to measure the quality of each precision on
  --gflops N         peak of the GPU in dense FP16 GFLOP/s, for the fraction of the limit (989000: H200)
  --bandwidth N      its memory bandwidth in GB/s (4800: H200)
  --limit SECONDS    time for everything (480)
  --dry-run          rehearse on the processor: every step in its shortest form
  --fetch VERSION    fetch the wheels for Python VERSION (3.12) on x86-64 into --wheels, and end

Whatever a library refuses is part of the result. Without --wheels the python3 that is found must have the packages.
END
}

out=$ROOT/out/gpu_check wheels='' frames='' gflops=989000 bandwidth=4800 limit=480 dry='' fetch=''
while (($#)); do
  case $1 in
    --out) out=$2 ;; --wheels) wheels=$2 ;; --frames) frames=$2 ;; --gflops) gflops=$2 ;;
    --bandwidth) bandwidth=$2 ;; --limit) limit=$2 ;; --fetch) fetch=$2 ;;
    --dry-run) dry=1; shift; continue ;;
    *) usage; [[ $1 == --help || $1 == -h ]]; exit ;;
  esac
  shift 2
done

# The libraries of CUDA and cuDNN are not fetched: ONNX Runtime takes those of an installed torch, or is refused.
fetch_wheels() {
  local pip=(python3 -m pip --disable-pip-version-check)
  local here=(--dest "$wheels" --only-binary ':all:' --python-version "$fetch")
  local system platforms=()
  for system in manylinux_2_28 manylinux_2_27 manylinux_2_17 manylinux2014; do platforms+=(--platform "${system}_x86_64"); done
  mkdir -p "$wheels"
  "${pip[@]}" wheel --no-deps --wheel-dir "$wheels" tensorrt-rtx-cu13 empy || return # these have no wheels
  "${pip[@]}" download --no-deps "${here[@]}" "${platforms[@]}" tensorrt-rtx-cu13-libs tensorrt-rtx-cu13-bindings \
    onnxruntime-gpu onnxruntime-ep-nv-tensorrt-rtx-cu13 || return
  "${pip[@]}" download --find-links "$wheels" "${here[@]}" "${platforms[@]}" ros-jazzy-rclpy ros-jazzy-common-interfaces ros-jazzy-rmw-fastrtps-cpp \
    jinja2 matplotlib 'numpy>=1.21' opencv-python-headless pyyaml rich rosbags scipy typer cuda-bindings onnx \
    hypothesis psutil pytest pytest-timeout scikit-learn
}

# An environment over the packages of the python3 that is found, with the wheels before them.
install_wheels() {
  local environment=$out/venv part
  python3 -m venv "$environment" || return
  python3 -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])' \
    >"$("$environment/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')/of_the_host.pth"
  for part in "$wheels"/*.whl.part-*; do
    [[ -e $part ]] && cat "${part%.part-*}".part-* >"$out/$(basename "${part%.part-*}")"
  done
  find "$wheels" "$out" -maxdepth 1 -name '*.whl' -print0 |
    xargs -0 "$environment/bin/python" -m pip install --quiet --no-index --no-deps || return
  # shellcheck disable=SC1091
  . "$environment/bin/activate"
}

# step NAME SECONDS COMMAND...: standard output goes to NAME.json, unless the command writes that file itself.
step() {
  local name=$1 most=$2 start left code
  shift 2
  start=$(date +%s.%N)
  left=$(python3 -c "print(max(0, int($deadline - $start)))")
  if ((left < 5)); then
    printf '%s\t%s\t%s\n' "$name" 125 0 >>"$out/steps.tsv"
    echo "no time was left" >"$out/$name.log"
    return
  fi
  ((left < most)) && most=$left
  printf '%-22s' "$name"
  timeout --kill-after=5 "$most" "$@" >"$out/$name.out" 2>"$out/$name.log" </dev/null
  code=$?
  if [[ ! -s $out/$name.json && $(head -c 1 "$out/$name.out") == [\{\[] ]]; then
    mv "$out/$name.out" "$out/$name.json"
  else
    cat "$out/$name.out" >>"$out/$name.log"
  fi
  rm -f "$out/$name.out"
  python3 -c "
import time
seconds = time.time() - $start
print(f'rc $code, {seconds:.1f} s')
open('$out/steps.tsv', 'a').write(f'$name\t$code\t{seconds:.1f}\n')"
}

main() {
  rm -rf "$out" && mkdir -p "$out"
  out=$(cd "$out" && pwd)
  deadline=$(($(date +%s) + limit))
  [[ -z $wheels ]] || install_wheels >"$out/install.log" 2>&1 || { tail -n 5 "$out/install.log"; exit 1; }
  cd "$ROOT" || exit
  export PYTHONPATH=$ROOT${PYTHONPATH:+:$PYTHONPATH} XDG_CACHE_HOME=$out/cache ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST
  local probe=(python3 docs/gpu_probe.py) bench=(python3 -m fishy_ros.commands.cli bench) name model
  local runs=500 rounds=(--rounds 5 --frames 100 --warm-up 20) device=cuda runtime=tensorrt rates=(--rate 30 --rate 60) seconds=10
  local runtimes=(--runtime tensorrt --runtime onnxruntime) precision=fp16 quality=()
  if [[ -n $dry ]]; then
    runs=3 rounds=(--rounds 1 --frames 2 --warm-up 1) device=cpu runtime=auto rates=(--rate 2 --rate 4) seconds=3
    runtimes=(--runtime auto) precision=int8 quality=(--precision int8)
  fi

  step machine 30 "${probe[@]}" machine
  step engines 150 "${probe[@]}" engines --runs "$runs"
  # Where TensorRT does not run on this GPU, the path around it is measured with what does.
  if [[ -z $dry ]] && ! python3 -c '
import json, sys
rows = json.load(open(sys.argv[1]))
sys.exit(not any("run_ms" in row for row in rows))' "$out/engines.json" 2>/dev/null; then
    runtime=onnxruntime runtimes=(--runtime onnxruntime) precision=fp32
  fi
  step plugin 60 "${probe[@]}" plugin --runs "$runs"
  step path 60 "${probe[@]}" path --runs "$runs"
  step node 90 "${probe[@]}" node "${rates[@]}" --seconds "$seconds" --runtime "$runtime" --device "$device" --precision "$precision"
  if [[ -n $dry ]]; then
    step conformance 120 python3 -m pytest test/runtimes/test_tensorrt.py test/runtimes/test_cuda_buffers.py -q -p no:cacheprovider --junitxml "$out/conformance.xml"
  else
    step conformance 90 python3 -m pytest test/runtimes -q -p no:cacheprovider --junitxml "$out/conformance.xml"
  fi
  for model in fishy-s fishy-m; do
    step "bench_$model" 60 "${bench[@]}" --model "models/$model" --device "$device" "${runtimes[@]}" --precision fp32 --precision fp16 \
      "${rounds[@]}" --out "$out/bench_$model.json"
    [[ -z $dry ]] || break
  done
  step bench_int8 40 "${bench[@]}" --model models/fishy-s --device "$device" --runtime "$runtime" --precision int8 "${rounds[@]}" --out "$out/bench_int8.json"
  if [[ -n $frames ]]; then
    step quality 90 "${bench[@]}" precisions --dataset folder --root "$frames" --model models/fishy-s --runtime "$runtime" \
      --device "$device" "${quality[@]}" --out "$out/quality.json"
  fi
  for name in fp32 fp16; do
    step "roofline_$name" 30 "${bench[@]}" roofline --runtime "$runtime" --device "$device" --precision "$name" \
      --gflops "$gflops" --bandwidth "$bandwidth" "${rounds[@]}" --out "$out/roofline_$name.json"
    [[ -z $dry ]] || break
  done
  python3 docs/gpu_probe.py collect "$out" >"$out/gpu_check.json" && echo "$out/gpu_check.json"
}

if [[ -n $fetch ]]; then
  [[ -n $wheels ]] || { echo "--fetch needs --wheels DIR" >&2; exit 2; }
  fetch_wheels
else
  main
fi
