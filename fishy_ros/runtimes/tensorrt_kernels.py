"""What TensorRT for RTX compiles just in time when an engine starts on a GPU, kept for the next start."""

from __future__ import annotations

import logging
from typing import Any

from fishy_ros.errors import RuntimeUnavailableError
from fishy_ros.runtimes.engine_cache import EngineCache, EngineKey
from fishy_ros.runtimes.tensorrt_library import TensorRtLibrary

_LOG = logging.getLogger(__name__)


class ExecutionContext:
    """An execution context of an engine; with TensorRT for RTX over kernels that an earlier start has left.

    The library checks by itself whether they fit GPU, driver and version, and recompiles them where they do not.

    Raises:
        RuntimeUnavailableError: the library gives no context.
    """

    def __init__(self, library: TensorRtLibrary, engine: Any, cache: EngineCache, key: EngineKey) -> None:
        self._cache, self._key = cache, key
        self._kernels: Any = None
        self._known = b""
        self._config: Any = None
        if library.is_rtx:
            self._config = engine.create_runtime_config()
            self._kernels = self._config.create_runtime_cache()
            self._known = cache.load(key) or b""
            if self._known and not self._kernels.deserialize(self._known):
                cache.warn(f"{cache.path(key)}: kept kernels do not fit this GPU or driver; they are recompiled")
                self._known = b""
            self._config.set_runtime_cache(self._kernels)
        library.messages.clear()
        arguments = () if self._config is None else (self._config,)
        self.context: Any = engine.create_execution_context(*arguments)
        if self.context is None:
            raise RuntimeUnavailableError(
                f"{library.product} cannot create an execution context: {library.messages.reason('no device memory?')}"
            )

    def keep_kernels(self) -> None:
        """Write what has been compiled until now, where that is more than was known; failing to is only a warning."""
        if self._kernels is None:
            return
        compiled = bytes(self._kernels.serialize())
        if compiled and len(compiled) != len(self._known):
            path = self._cache.try_to_store(self._key, compiled)
            self._known = compiled
            if path is not None:
                _LOG.info("%s: %d bytes of kernels kept", path, len(compiled))
