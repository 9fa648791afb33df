"""Settings of ONNX Runtime on the CPU."""

from __future__ import annotations

from dataclasses import dataclass

import onnxruntime as ort

_GRAPH_LEVELS = {
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
}


@dataclass(frozen=True)
class CpuSettings:
    """What changes ONNX Runtime's speed on the CPU; the values here are its own defaults."""

    allow_spinning: bool = True
    """Threads wait for work in a loop that keeps their processor busy."""
    memory_pattern: bool = True
    """Plan all buffers of a run as one block."""
    memory_arena: bool = True
    """Keep freed memory for the next run."""
    graph_level: str = "all"
    """`basic`, `extended` (fusions) or `all` (also blocked memory layouts)."""

    def session_options(self, threads: int) -> ort.SessionOptions:
        """Build the options of a session."""
        options = ort.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = _GRAPH_LEVELS[self.graph_level]
        options.enable_mem_pattern = self.memory_pattern
        options.enable_cpu_mem_arena = self.memory_arena
        options.add_session_config_entry("session.intra_op.allow_spinning", str(int(self.allow_spinning)))
        return options


CPU_SETTINGS = CpuSettings(allow_spinning=False)
"""The settings in use (`fishy bench settings` compares).

Spinning would keep every processor busy between the parts of a graph, at the expense of the threads that receive and
publish images, and gains nothing where the graph's parts are as long as here.
"""
