"""Say in one line what went wrong outside fishy_ros: files, missing libraries, ROS."""

from __future__ import annotations

import re

from fishy_ros.errors import FishyError

EXTRA_OF: dict[str, str] = {
    **dict.fromkeys(("torch", "onnx", "onnxscript", "safetensors", "sklearn"), "train"),
    **dict.fromkeys(("distributed", "dask"), "sweep"),
    **dict.fromkeys(("jinja2", "jsonschema", "matplotlib", "rich", "rosbags", "typer", "lz4", "backports"), "eval"),
    **dict.fromkeys(("rclpy", "rcl_interfaces", "sensor_msgs", "std_msgs", "diagnostic_msgs", "lifecycle_msgs"), "ros"),
    "cryptography": "signing",
    "openvino": "openvino",
    "h5py": "hdf5",
    "cuda": "gpu",
}
"""The extra of this package that brings a library, by the name under which it is imported."""

_PLACES_IN_SOURCES = re.compile(r",? at \S+\.c(pp)?:\d+")
_ROS_MODULES = ("rclpy", "rpyutils")


def describe_failure(error: BaseException) -> str | None:
    """Describe an error that a user can cure, in one line; None for any other, which is a fault of the program.

    Such are the errors that fishy_ros raises on purpose, those of files and folders, libraries that are not installed,
    and what ROS says of its arguments, names and environment.

    >>> describe_failure(PermissionError(13, "Permission denied", "/data/out"))
    '/data/out: Permission denied'
    >>> describe_failure(ZeroDivisionError("division by zero")) is None
    True
    """
    if isinstance(error, FishyError):
        return str(error)
    if isinstance(error, OSError):
        return _describe_os_error(error)
    if isinstance(error, ImportError):
        return _describe_import_error(error)
    if type(error).__module__.partition(".")[0] in _ROS_MODULES:
        return f"ROS: {' '.join(_PLACES_IN_SOURCES.sub('', str(error)).split())}"
    return None


def _describe_os_error(error: OSError) -> str:
    reason = error.strerror or str(error) or type(error).__name__
    if isinstance(error, FileExistsError):
        reason = "is in the way: expected a folder, or nothing"
    names = [str(name) for name in (error.filename, error.filename2) if isinstance(name, str)]
    return f"{' -> '.join(names)}: {reason}" if names else reason


def _describe_import_error(error: ImportError) -> str | None:
    library = (error.name or "").partition(".")[0]
    if not library or library == "fishy_ros":
        return None
    reason = "is not installed" if isinstance(error, ModuleNotFoundError) else f"cannot be imported: {error}"
    extra = EXTRA_OF.get(library)
    wanted = f"'fishy_ros[{extra}]'" if extra else "fishy_ros"
    source = "source a ROS 2 distribution, or: " if extra == "ros" else ""
    return f"this needs {library}, which {reason}; {source}python3 -m pip install {wanted}"
