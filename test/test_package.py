"""The package's description, entry points, installed files and the order of its layers."""

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from support.sources import ROOT

import fishy_ros

PACKAGE = ROOT / "fishy_ros"
SOURCES = sorted(PACKAGE.rglob("*.py"))

LAYERS = {
    "types": 0,
    "errors": 0,
    "documents": 0,
    "files": 0,
    "closing": 0,
    "deprecated_names": 0,
    "arrays": 0,
    "terminal": 0,
    "topics": 0,
    "failures": 1,
    "cityscapes": 1,
    "model_package": 1,
    "imaging": 1,
    "metrics": 2,
    "synthetic": 2,
    "runtimes": 2,
    "detector": 3,
    "drift": 4,
    "obstacles": 4,
    "datasets": 5,
    "bags": 5,
    "node": 6,
    "evaluation": 6,
    "training": 6,
    "commands": 7,
    "__init__": 8,
}
"""The layer of each package; a package imports only from lower layers (and from itself)."""

ALLOWED_WITHIN_A_LAYER = {
    ("evaluation", "node"),  # it starts node processes, and its player speaks the messages of the node
}

MAY_IMPORT = {
    "ROS": (
        {"rclpy", "sensor_msgs", "std_msgs", "diagnostic_msgs", "lifecycle_msgs", "rcl_interfaces", "cv_bridge"},
        ("node/", "evaluation/live/", "evaluation/soak/", "evaluation/bench/probes/"),
    ),
    "torch": ({"torch"}, ("training/", "evaluation/bench/erfnet")),
    "ONNX Runtime": ({"onnxruntime"}, ("runtimes/onnxruntime", "training/", "evaluation/bench/")),
    "TensorRT": ({"tensorrt", "cuda"}, ("runtimes/",)),
}
"""For each heavy dependency: its modules and the only places below fishy_ros that may import them."""


def test_version_is_the_same_for_ros_pip_and_python(distribution):
    assert distribution.get_version() == fishy_ros.__version__
    assert ElementTree.parse(ROOT / "package.xml").findtext("version") == fishy_ros.__version__


def test_changelog_tells_of_the_version_or_of_unreleased_work():
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert headings
    assert headings[0] in {"Unreleased", fishy_ros.__version__}


def test_package_xml_is_format_3_and_ament_python():
    package = ElementTree.parse(ROOT / "package.xml").getroot()
    assert package.get("format") == "3"
    assert package.findtext("export/build_type") == "ament_python"
    assert package.findtext("license") == "Apache-2.0"
    assert (ROOT / "LICENSE").is_file()


def test_every_message_package_that_is_imported_is_declared_in_package_xml():
    declared = {element.text for element in ElementTree.parse(ROOT / "package.xml").getroot().findall("exec_depend")}
    ros_packages = re.compile(r"rclpy|launch|launch_ros|ament_index_python|cv_bridge|\w+_(msgs|interfaces)")
    sources = [*SOURCES, *(ROOT / "launch").glob("*.py")]
    used = {top for source in sources for top, _ in imports_of(source) if ros_packages.fullmatch(top)}
    assert used <= declared


def test_every_entry_point_can_be_called(distribution):
    for entry in distribution.entry_points["console_scripts"]:
        module, function = entry.split("=")[1].strip().split(":")
        if module.startswith(("fishy_ros.node.", "fishy_ros.evaluation.live.")):
            pytest.importorskip("rclpy", reason="rclpy is not installed: the nodes' entry points cannot be imported")
        assert callable(getattr(importlib.import_module(module), function)), entry


def test_every_shared_file_is_installed_below_share(distribution):
    shared = {
        str(path.relative_to(ROOT))
        for folder in ("config", "foxglove", "launch", "models", "rqt", "rviz")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    installed = {}
    for destination, files in distribution.data_files:
        installed |= dict.fromkeys(files, destination)
    assert set(installed) == shared | {"package.xml", "resource/fishy_ros"}
    for file in shared:
        assert installed[file] == str(Path("share/fishy_ros", file).parent)
    assert installed["resource/fishy_ros"] == "share/ament_index/resource_index/packages"


def test_every_file_that_is_no_module_is_package_data(distribution):
    patterns = distribution.package_data["fishy_ros"]
    packaged = {path for pattern in patterns for path in PACKAGE.glob(pattern)}
    others = {path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix not in {".py", ".pyc", ".pyo"}}
    assert others <= packaged


def test_every_folder_with_modules_is_a_package(distribution):
    folders = {".".join(source.parent.relative_to(ROOT).parts) for source in SOURCES}
    assert folders == set(distribution.packages)


def test_a_package_imports_only_from_lower_layers():
    upward = set()
    for source in SOURCES:
        own = source.relative_to(PACKAGE).with_suffix("").parts[0]
        for _, name in imports_of(source):
            other = name.split(".")[1] if name.startswith("fishy_ros.") else own
            if other != own and LAYERS[other] >= LAYERS[own] and (own, other) not in ALLOWED_WITHIN_A_LAYER:
                upward.add(f"{source.relative_to(ROOT)} imports {name}")
    assert not upward


@pytest.mark.parametrize("dependency", MAY_IMPORT)
def test_a_heavy_dependency_is_imported_only_where_it_belongs(dependency):
    modules, places = MAY_IMPORT[dependency]
    importing = {
        str(source.relative_to(PACKAGE)) for source in SOURCES if modules & {top for top, _ in imports_of(source)}
    }
    assert not {source for source in importing if not source.startswith(places)}


def test_the_library_and_the_metrics_import_without_ros_torch_or_a_runtime():
    blocked = ("rclpy", "sensor_msgs", "torch", "onnx", "onnxruntime", "openvino", "tensorrt", "cuda")
    code = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({blocked!r}))\n"
        "import fishy_ros, fishy_ros.types, fishy_ros.metrics.pixel, fishy_ros.detector, fishy_ros.commands.cli\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


NOT_IN_THE_CAR = {
    *("fishy_ros.evaluation", "fishy_ros.training", "fishy_ros.commands", "fishy_ros.bags", "fishy_ros.datasets"),
    *("matplotlib", "jinja2", "jsonschema", "rich", "typer", "rosbags", "torch", "onnx", "psutil"),
}


def test_what_the_node_imports_is_what_a_car_needs():
    reached, waiting = set(), [source for source in SOURCES if source.parent.name == "node"]
    while waiting:
        source = waiting.pop()
        for _, name in imports_of(source):
            if name in reached:
                continue
            reached.add(name)
            waiting += [path for path in files_of(name) if path in SOURCES]
    assert {"rclpy.lifecycle", "fishy_ros.detector", "fishy_ros.drift.monitor"} <= reached
    assert not {name for name in reached if name.split(".")[0] in NOT_IN_THE_CAR}
    assert not {name for name in reached if ".".join(name.split(".")[:2]) in NOT_IN_THE_CAR}


def test_package_xml_names_what_the_node_needs_and_setup_py_the_same(distribution):
    names = {element.text for element in ElementTree.parse(ROOT / "package.xml").getroot().findall("exec_depend")}
    python = {name.removeprefix("python3-").removesuffix("-pip") for name in names if name.startswith("python3-")}
    required = {re.split(r"[<>=]", requirement)[0] for requirement in distribution.install_requires}
    assert python == {
        {"opencv-python-headless": "opencv", "pillow": "pil", "pyyaml": "yaml"}.get(name, name) for name in required
    }


def files_of(name: str) -> list[Path]:
    """Return the files that importing a dotted name runs: packages on the way, and the module."""
    parts = name.split(".")
    folders = [ROOT.joinpath(*parts[:count], "__init__.py") for count in range(1, len(parts) + 1)]
    return [path for path in (*folders, ROOT.joinpath(*parts).with_suffix(".py")) if path.is_file()]


def test_the_readme_quotes_the_committed_results():
    subprocess.run([sys.executable, "docs/quote_results.py", "--check"], check=True, cwd=ROOT)


def imports_of(source: Path) -> Iterator[tuple[str, str]]:
    """Yield (top-level module, full module name) of every import in a file, those inside functions included."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source}: relative import"
            names = [node.module or ""]
            if node.module == "fishy_ros":
                names = [f"fishy_ros.{alias.name}" for alias in node.names if alias.name != "__version__"]
        else:
            continue
        for name in names:
            yield name.split(".")[0], name


@pytest.fixture(scope="module")
def distribution():
    """Run setup.py up to where it knows what it would build, and return that description."""
    pytest.importorskip("setuptools", reason="setuptools is not installed")
    core = importlib.import_module("distutils.core")  # the one of setuptools, which has just replaced any other
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return core.run_setup("setup.py", stop_after="init")


def test_every_container_that_the_documentation_builds_is_a_target_of_the_dockerfile() -> None:
    dockerfile = (ROOT / "docker" / "Dockerfile").read_text()
    targets = set(re.findall(r"^FROM \S+ AS (\w+)$", dockerfile, re.MULTILINE))
    named = re.findall(r"docker build .*?--target (\w+)", dockerfile + (ROOT / "docs" / "hardware.md").read_text())
    assert {"gpu", "l4t"} <= set(named) <= targets
    assert dockerfile.rindex(" AS cpu") == dockerfile.rindex(" AS ")
    arguments = set(re.findall(r"^ARG (\w+)", dockerfile, re.MULTILINE))
    assert set(re.findall(r"--build-arg (\w+)", (ROOT / "docs" / "hardware.md").read_text())) <= arguments
