"""Build fishy_ros with colcon (ament_python) or pip.

The metadata stay here because the setuptools of Ubuntu 22.04 (ROS 2 Humble) cannot read them from pyproject.toml.
"""

from itertools import groupby
from pathlib import Path
from xml.etree import ElementTree

from setuptools import find_packages, setup

NAME = "fishy_ros"
SHARED_FOLDERS = ("config", "foxglove", "launch", "models", "rqt", "rviz")
"""Folders of the source tree that are installed, with everything in them, below share/fishy_ros."""

# What the node and the library need; package.xml names the same for ROS.
REQUIREMENTS = [
    "numpy>=1.21",
    "onnxruntime>=1.17",
    "opencv-python-headless>=4.5.4",
    "pillow>=9.0",
    "pyyaml>=5.4",
    "scipy>=1.8",
]

EVAL = [
    "backports.zstd>=1.0; python_version < '3.14'",
    "jinja2>=3.0",
    "jsonschema>=4.0",
    "lz4>=3.1",
    "matplotlib>=3.7",
    "rich>=12.3",
    "rosbags>=0.11.9",
    "typer>=0.13",
]

EXTRAS = {
    # the command `fishy` and the harness: replays, scores, reports, benchmarks
    "eval": EVAL,
    # rclpy and its messages for machines without a ROS distribution (x86-64 Linux)
    "ros": ["ros-jazzy-rclpy", "ros-jazzy-common-interfaces", "ros-jazzy-rmw-fastrtps-cpp"],
    # TensorRT for RTX, which compiles on any machine and runs on desktop GPUs; a Jetson has the TensorRT of its JetPack
    "tensorrt": ["cuda-bindings>=12.9", "tensorrt-rtx-cu13>=1.7"],
    # the bindings to CUDA, and ONNX Runtime for CUDA with the libraries of CUDA and cuDNN as wheels
    "gpu": ["cuda-bindings>=12.9", "onnxruntime-gpu[cuda,cudnn]>=1.21"],
    "openvino": ["openvino>=2024.0"],
    # on Linux pip takes torch with CUDA (several GB) unless its configuration offers the CPU build, 2.13.0+cpu
    "train": [
        *EVAL,
        "torch==2.13.0",
        "onnx>=1.16",
        "onnxscript>=0.3",
        "safetensors>=0.4",
        "scikit-learn>=1.3",
        "tensorboard>=2.14",
    ],
    "sweep": [*EVAL, "distributed>=2023.5"],
    "signing": ["cryptography>=3.4"],
    "hdf5": ["h5py>=3.8"],
    "test": [
        *EVAL,
        "colcon-ros",
        "cryptography>=3.4",
        "cuda-bindings>=12.9",
        "distributed>=2023.5",
        "h5py>=3.8",
        "hypothesis>=6.82",
        "ipykernel>=6.0",
        "mypy>=1.11",
        "nbclient>=0.8",
        "onnx>=1.16",
        "openvino>=2024.0",
        "psutil>=5.9",
        "pytest>=9.0",
        "pytest-timeout>=2.3",
        "pytest-xdist>=3.5",
        "ruff>=0.8",
        "scikit-learn>=1.3",
        "tensorrt-rtx-cu13>=1.7; platform_machine == 'x86_64' or platform_machine == 'aarch64'",
        "types-PyYAML",
    ],
    "docs": [*EVAL, "mkdocs>=1.6,<2", "mkdocs-material>=9.5", "mkdocstrings[python]>=0.27"],
}


def package_version() -> str:
    """Read the version from package.xml, the one place that holds it for ROS and for pip."""
    version = ElementTree.parse("package.xml").findtext("version")
    if version is None:
        raise ValueError("package.xml: the element <version> is missing")
    return version


def data_files() -> list[tuple[str, list[str]]]:
    """List (folder below the install prefix, files) as ROS 2 expects them."""
    share = Path("share", NAME)
    files = [
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (str(share), ["package.xml"]),
    ]
    shared = [path for root in SHARED_FOLDERS for path in sorted(Path(root).rglob("*")) if path.is_file()]
    for folder, group in groupby((path for path in shared if "__pycache__" not in path.parts), key=lambda p: p.parent):
        files.append((str(share / folder), [str(path) for path in group]))
    return files


setup(
    name=NAME,
    version=package_version(),
    description="Real-time anomaly detection for driving cameras as a ROS 2 node, with a replay harness that scores it",
    author="The fishy_ros developers",
    license="Apache-2.0",
    python_requires=">=3.10,<3.13",
    packages=find_packages(include=[NAME, f"{NAME}.*"]),
    package_data={NAME: ["py.typed", "evaluation/report/*.json", "evaluation/report/templates/*"]},
    data_files=data_files(),
    install_requires=REQUIREMENTS,
    extras_require=EXTRAS,
    zip_safe=False,
    entry_points={
        "console_scripts": [
            "fishy = fishy_ros.commands.cli:main",
            "detector = fishy_ros.node.process:main",
            "replay = fishy_ros.evaluation.live.replay_main:main",
        ],
    },
)
