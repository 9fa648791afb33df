"""Where convolutions run in bfloat16."""

from __future__ import annotations

from pathlib import Path

from fishy_ros.errors import ConfigError

PRECISIONS = ("auto", "float32", "bfloat16")


def uses_bfloat16(precision: str, device_type: str) -> bool:
    """Decide whether convolutions run in bfloat16: where `precision` says so, and for `auto` where it is fast.

    Raises:
        ConfigError: `precision` is none of `auto`, `float32` and `bfloat16`.
    """
    if precision not in PRECISIONS:
        raise ConfigError(f"optimiser: precision {precision!r} is unknown; known are {list(PRECISIONS)}")
    if precision == "auto":
        return device_type == "cuda" or cpu_has_bfloat16()
    return precision == "bfloat16"


def cpu_has_bfloat16() -> bool:
    """Tell whether the processor multiplies bfloat16 in hardware (x86 with AVX-512 BF16 or AMX, Linux)."""
    cpuinfo = Path("/proc/cpuinfo")
    flags = cpuinfo.read_text().split() if cpuinfo.exists() else []
    return "avx512_bf16" in flags or "amx_bf16" in flags
