"""What `docs/gpu_check.sh` asks of a GPU beyond the `fishy` commands; every part prints one JSON document.

python docs/gpu_probe.py machine|engines|plugin|path|node|collect ...
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
WORDS = 600
"""Characters that are kept of an error or of a log's end."""


def main() -> int:
    """Run one part and print what it found; return 1 where all of it was refused."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = parser.add_subparsers(dest="part", required=True)
    parts.add_parser("machine")
    for name in ("engines", "plugin", "path"):
        parts.add_parser(name).add_argument("--runs", type=int, default=200)
    node = parts.add_parser("node")
    node.add_argument("--rate", type=float, action="append", required=True)
    node.add_argument("--seconds", type=float, default=10.0)
    node.add_argument("--height", type=int, default=1024)
    node.add_argument("--width", type=int, default=2048)
    for name, value in (("runtime", "auto"), ("device", "auto"), ("precision", "fp16"), ("model", "fishy-s")):
        node.add_argument(f"--{name}", default=value)
    collect = parts.add_parser("collect")
    collect.add_argument("out", type=Path)
    options = parser.parse_args()
    # A step that has no time left gets SIGTERM; as an exception it reaches whatever stops the node that was started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parts_by_name: dict[str, Callable[[argparse.Namespace], Any]] = {
        "machine": lambda _: machine(),
        "engines": lambda given: engines(given.runs),
        "plugin": lambda given: plugin(given.runs),
        "path": lambda given: path(given.runs),
        "node": node_at_rates,
        "collect": lambda given: collected(given.out),
    }
    result = attempt(lambda: parts_by_name[options.part](options))
    print(json.dumps(result, indent=1, default=str))
    return int(isinstance(result, dict) and list(result) == ["refused"])


def machine() -> dict[str, Any]:
    """Describe the machine: processor, GPU and driver, and versions of the libraries."""
    from importlib import metadata

    query = "name,compute_cap,driver_version,memory.total,clocks.max.sm,clocks.max.mem"
    names = ("numpy", "onnxruntime", "onnxruntime-gpu", "openvino", "cuda-bindings", "torch", "tensorrt", "ros-rclpy")
    names += tuple(
        f"{name}-cu{major}" for name in ("tensorrt-rtx", "onnxruntime-ep-nv-tensorrt-rtx") for major in (12, 13)
    )
    found = {item.metadata["Name"].lower().replace("_", "-"): item.version for item in metadata.distributions()}
    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "gpus": said(["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader"]),
        "versions": {name: found[name] for name in names if name in found},
        "commit": said(["git", "-C", str(ROOT), "rev-parse", "HEAD"]),
    }


def engines(runs: int) -> list[dict[str, Any]]:
    """Build, load and run every engine of the shipped models with every TensorRT library; its refusals are results."""
    from fishy_ros.model_package import load_model_package
    from fishy_ros.runtimes.tensorrt_library import installed_libraries

    rows = []
    for library in installed_libraries():
        for name in ("fishy-s", "fishy-m"):
            package = load_model_package(ROOT / "models" / name)
            rows += [
                {"library": library, "model": name, "precision": precision}
                | attempt(
                    lambda library=library, package=package, precision=precision: one_engine(
                        library, package, precision, runs
                    )
                )
                for precision in package.precisions
            ]
    return rows


def one_engine(name: str, package: Any, precision: str, runs: int) -> dict[str, Any]:
    """Time two starts and many runs of an engine; compare its scores with ONNX Runtime's on the CPU."""
    from fishy_ros.runtimes import create_runtime
    from fishy_ros.runtimes.options import RuntimeOptions
    from fishy_ros.runtimes.tensorrt_library import open_library
    from fishy_ros.runtimes.tensorrt_runtime import TensorRtRuntime

    warnings: list[str] = []
    library = open_library(name)
    options = RuntimeOptions("cuda", precision, warn=warnings.append)
    image = picture(package.input_height, package.input_width)
    with tempfile.TemporaryDirectory() as cache:
        os.environ["XDG_CACHE_HOME"] = cache
        starts = []
        for _ in range(2):
            start = time.perf_counter()
            runtime = TensorRtRuntime(package, options, library)
            starts.append(time.perf_counter() - start)
            if len(starts) == 1:
                runtime.close()
        files = {file.name: file.stat().st_size for file in Path(cache).rglob("*") if file.is_file()}
    runtime.input_buffer[:] = image
    output = runtime.run()
    score, labels = output.score.copy(), output.labels.copy()
    times = timed(runtime.run, runs)
    info, layers = runtime.info, inspected(library, runtime)
    runtime.close()
    reference = create_runtime("onnxruntime", package, "cpu")
    reference.input_buffer[:] = image
    expected = reference.run()
    return {
        "runtime": asdict(info),
        "start_s": {"first": starts[0], "second": starts[1]},
        "cache_bytes": files,
        "run_ms": times,
        "layers": layers,
        "warnings": warnings,
        "score_difference_from_fp32_on_cpu": {
            "mean": float(np.abs(score - expected.score).mean()),
            "max": float(np.abs(score - expected.score).max()),
        },
        "labels_equal": float((labels == expected.labels).mean()),
    }


def inspected(library: Any, runtime: Any) -> Any:
    """Return what the engine inspector says of a loaded engine."""
    inspector = runtime._loaded.engine.create_engine_inspector()
    text = inspector.get_engine_information(library.module.LayerInformationFormat.JSON)
    layers = json.loads(text).get("Layers", [])
    return {"number": len(layers), "names": [item if isinstance(item, str) else item.get("Name") for item in layers]}


def plugin(runs: int) -> dict[str, Any]:
    """Run the graphs through ONNX Runtime's plug-in provider for TensorRT for RTX."""
    import onnxruntime as ort

    from fishy_ros.model_package import load_model_package

    try:
        import onnxruntime_ep_nv_tensorrt_rtx as provider
    except ImportError as error:
        return {"refused": f"the plug-in is not installed: {error}"}
    ort.register_execution_provider_library(provider.get_ep_name(), provider.get_library_path())
    devices = [device for device in ort.get_ep_devices() if device.ep_name == provider.get_ep_name()]
    if not devices:
        return {
            "refused": "the plug-in offers no device",
            "devices": [device.ep_name for device in ort.get_ep_devices()],
        }
    package = load_model_package(ROOT / "models/fishy-s")
    image = picture(package.input_height, package.input_width)[None]

    def run(precision: str) -> dict[str, Any]:
        options = ort.SessionOptions()
        options.add_provider_for_devices(devices[:1], {})
        content = package.graph(precision, "tensorrt").read()
        start = time.perf_counter()
        session = ort.InferenceSession(content, sess_options=options)
        score = session.run(["score"], {"image": image})[0]
        started = time.perf_counter() - start
        times = timed(lambda: session.run(["score", "labels"], {"image": image}), runs)
        reference = ort.InferenceSession(package.graph().read(), providers=["CPUExecutionProvider"])
        expected = reference.run(["score"], {"image": image})[0]
        difference = float(np.abs(score - expected).max())
        return {"start_s": started, "run_ms": times, "providers": session.get_providers(), "max_difference": difference}

    return {precision: attempt(lambda precision=precision: run(precision)) for precision in package.precisions}


def path(runs: int) -> dict[str, Any]:
    """Compare the ways of a raw 2048x1024 image to the GPU: resized on the CPU, or whole."""
    import cv2

    from fishy_ros.runtimes.nvidia import count_gpus

    frames = [picture(1024, 2048, seed) for seed in range(4)]
    small, whole = np.empty((512, 1024, 3), np.uint8), np.empty((1024, 2048, 3), np.uint8)
    turn = iter(range(10**9))
    result: dict[str, Any] = {
        "cpu_resize_ms": timed(
            lambda: cv2.resize(frames[next(turn) % 4], (1024, 512), dst=small, interpolation=cv2.INTER_AREA), runs
        ),
        "cpu_copy_ms": timed(lambda: np.copyto(whole, frames[next(turn) % 4]), runs),
    }
    if not count_gpus():
        return result | {"refused": "there is no NVIDIA GPU with a working driver"}
    from fishy_ros.runtimes.cuda_buffers import CudaStream, DeviceBuffer

    stream = CudaStream()
    for name, shape in (("small", small.shape), ("whole", whole.shape), ("score", (256, 512, 4))):
        buffer = DeviceBuffer(shape, np.uint8)

        def up(buffer: DeviceBuffer = buffer) -> None:
            buffer.copy_to_device(stream.handle)
            stream.synchronize()

        def down(buffer: DeviceBuffer = buffer) -> None:
            buffer.copy_to_host(stream.handle)
            stream.synchronize()

        result[f"upload_{name}_ms"], result[f"download_{name}_ms"] = timed(up, runs), timed(down, runs)
        buffer.free()
    stream.close()
    return result | {"whole_way": attempt(lambda: whole_way(frames, runs))}


def whole_way(frames: list[Any], runs: int) -> dict[str, Any]:
    """Time a raw 2048x1024 image to its score, shrunk on the processor or by the engine, and compare the scores."""
    from fishy_ros.imaging import resize_into
    from fishy_ros.model_package import load_model_package
    from fishy_ros.runtimes.options import RuntimeOptions
    from fishy_ros.runtimes.tensorrt_library import installed_libraries, open_library
    from fishy_ros.runtimes.tensorrt_runtime import TensorRtRuntime

    package = load_model_package(ROOT / "models/fishy-s")
    result: dict[str, Any] = {}
    scores = []
    turn = iter(range(10**9))
    for name, shrink in (("on_the_processor", 1), ("by_the_engine", 2)):
        options = RuntimeOptions("cuda", "fp16")
        runtime = TensorRtRuntime(package, options, open_library(installed_libraries()[0]), shrink)
        resize_into(frames[0], runtime.input_buffer)
        scores.append(runtime.run().score.copy())

        def frame(runtime: TensorRtRuntime = runtime) -> None:
            resize_into(frames[next(turn) % len(frames)], runtime.input_buffer)
            runtime.run()

        result[name] = {"image_to_score_ms": timed(frame, runs), "run_ms": timed(runtime.run, runs)}
        runtime.close()
    return result | {"score_difference": float(np.abs(scores[0] - scores[1]).max())}


def node_at_rates(options: argparse.Namespace) -> dict[str, Any]:
    """Play raw images to the node over DDS at fixed rates, and say what came back and how late."""
    from fishy_ros.evaluation.live.replay_session import replay_session
    from fishy_ros.evaluation.replay.heatmap_store import HeatmapStore
    from fishy_ros.evaluation.replay.live import watched
    from fishy_ros.evaluation.replay.match import Recorder
    from fishy_ros.evaluation.replay.peak import hold_in_memory, trial_of
    from fishy_ros.evaluation.replay.play import Timed, play, warm_up
    from fishy_ros.evaluation.replay.request import DetectorChoice, LiveOptions
    from fishy_ros.evaluation.sources.open_source import SourceChoice
    from fishy_ros.evaluation.sources.source import repeat

    size = (("frames", 4), ("height", options.height), ("width", options.width))
    source = SourceChoice(dataset="synthetic", options=size).open()
    frames = hold_in_memory(source)
    choice = DetectorChoice(options.model, options.runtime, options.device, options.precision)
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        with replay_session(choice, LiveOptions(), source.message_type, Path(scratch)) as session:
            for index, rate in enumerate(options.rate):
                with HeatmapStore(Path(scratch)) as store:
                    recorder = Recorder(store)
                    with watched(session.detector, recorder):
                        if not index:
                            warm_up(frames[0], session.player, recorder)
                    recorder = Recorder(store)
                    with watched(session.detector, recorder):
                        count = max(2, round(rate * options.seconds))
                        play(repeat(frames, count), session.player, recorder, Timed(rate), lambda *_: None)
                    playback = recorder.playback()
                    stages = [frame.stages_ms for frame in playback.frames if frame.stages_ms]
                    rows.append(
                        {"asked_hz": rate}
                        | asdict(trial_of(playback))
                        | {"stages_ms": {name: spread([s[name] for s in stages if name in s]) for name in stages[-1]}}
                    )
        log = (
            (Path(scratch) / "detector.log").read_text(errors="replace")
            if (Path(scratch) / "detector.log").exists()
            else ""
        )
    chosen = [line for line in log.splitlines() if "chosen" in line or "passed over" in line or "WARN" in line]
    return {"detector": asdict(choice), "log": chosen[:20], "rates": rows}


def collected(out: Path) -> dict[str, Any]:
    """Put the parts of a run together: their JSON, exit codes, times, and the ends of the logs of what failed."""
    parts = {}
    for line in (out / "steps.tsv").read_text().splitlines():
        name, code, seconds = line.split("\t")
        document = out / f"{name}.json"
        part: dict[str, Any] = {"rc": int(code), "seconds": float(seconds)}
        if document.is_file() and document.stat().st_size:
            part["result"] = attempt(lambda document=document: json.loads(document.read_text()))
        if (out / f"{name}.xml").is_file():
            part["tests"] = tests(out / f"{name}.xml")
        if int(code):
            part["log"] = (out / f"{name}.log").read_text(errors="replace")[-WORDS:]
        parts[name] = part
    return {"gpu_check": parts}


def tests(report: Path) -> dict[str, Any]:
    """Count the tests of a JUnit file and name those that failed, and why others were skipped."""
    cases = list(ElementTree.parse(report).iter("testcase"))
    failed = [case.get("name") for case in cases if case.find("failure") is not None or case.find("error") is not None]
    skipped = [item.get("message", "") for case in cases for item in case.findall("skipped")]
    reasons = {reason: skipped.count(reason) for reason in dict.fromkeys(skipped)}
    return {"passed": len(cases) - len(failed) - len(skipped), "failed": failed, "skipped": reasons}


def attempt(work: Callable[[], Any]) -> Any:
    """Return what `work` does, or in what words it was refused."""
    try:
        return work()
    except Exception as error:  # whatever a library raises is the result
        return {"refused": f"{type(error).__name__}: {error}"[:WORDS]}


def said(command: list[str]) -> str:
    """Return what a command prints, or why it cannot."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"cannot be asked: {error}"
    return (done.stdout or done.stderr).strip()[:WORDS]


def picture(height: int, width: int, seed: int = 0) -> Any:
    """Return noise that is smooth over some pixels, uint8 `[height, width, 3]`."""
    import cv2

    coarse = np.random.default_rng(seed).integers(0, 256, (height // 16, width // 16, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def timed(work: Callable[[], Any], runs: int) -> dict[str, float]:
    """Time `work` after a few runs that do not count."""
    for _ in range(5):
        work()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1e3)
    return spread(times)


def spread(values: list[float]) -> dict[str, float]:
    """Return least, median, 99th percentile and number of some values."""
    if not values:
        return {"count": 0}
    low, middle, high = (float(value) for value in np.percentile(values, [0, 50, 99]))
    return {"min": low, "p50": middle, "p99": high, "count": len(values)}


if __name__ == "__main__":
    sys.exit(main())
