"""Start a detector node of our own, or find a running one, and connect to it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from fishy_ros.bags.topics import IMAGE_TYPE
from fishy_ros.errors import ReplayError
from fishy_ros.evaluation.live.replay_player import NodeAddress, ReplayPlayer
from fishy_ros.evaluation.replay.detector_process import DetectorProcess, detector_command
from fishy_ros.evaluation.replay.domain import private_domain
from fishy_ros.evaluation.replay.request import DetectorChoice, LiveOptions
from fishy_ros.evaluation.replay.run_files import LOG_FILE
from fishy_ros.node.compat import IS_HUMBLE
from fishy_ros.node.dds import dds_environment, remove_abandoned, segments_in, shared_memory_problem
from fishy_ros.node.discovery import DISCOVERY_SERVER


@dataclass(frozen=True)
class ReplaySession:
    """A connected player, and the node's process where it is our own."""

    player: ReplayPlayer
    detector: DetectorProcess | None

    def check(self) -> None:
        """Raise where the process of the node is our own and has ended."""
        if self.detector is not None:
            self.detector.check()


@contextmanager
def replay_session(
    choice: DetectorChoice, options: LiveOptions, message_type: str, log_folder: Path
) -> Iterator[ReplaySession]:
    """Connect to the node that `options` name; a node of our own is started, activated and stopped in the end.

    Its log goes to `LOG_FILE` in `log_folder`. It runs in a domain of its own that is heard on this machine only.
    Shared memory that killed processes have left is removed first: the profile for large images needs the space. Where
    there is too little all the same, images go through sockets, and the node asks again for those that are lost.

    Raises:
        ReplayError: the node cannot be started, activated or reached.
    """
    with ExitStack() as stack:
        if options.attach is not None:
            stack.enter_context(_environment(dds_environment()))
            address = NodeAddress(options.attach, options.image_topic, options.domain_id)
            player = stack.enter_context(ReplayPlayer(address, message_type))
            player.connect(check=lambda: None)
            yield ReplaySession(player, None)
            return
        remove_abandoned(segments_in())
        domain = options.domain_id if options.domain_id is not None else stack.enter_context(private_domain())
        lossless = (("reliability", "reliable"),) if shared_memory_problem() else ()
        stack.enter_context(_environment(isolated_environment(domain)))
        transport = "raw" if message_type == IMAGE_TYPE else "compressed"
        command = detector_command(choice, options.image_topic, transport, (*lossless, *options.parameters))
        detector = stack.enter_context(DetectorProcess(command, {}, log_folder / LOG_FILE))
        player = stack.enter_context(ReplayPlayer(NodeAddress(image_topic=options.image_topic), message_type))
        try:
            player.start_node(detector.check)
            player.connect(detector.check)
        except ReplayError as error:
            detector.check()
            raise detector.failure(str(error)) from error
        yield ReplaySession(player, detector)


def isolated_environment(domain_id: int) -> dict[str, str]:
    """Return the variables of a domain that is heard on this machine only, fit for large images.

    A discovery server elsewhere has no part in it.
    """
    localhost = {"ROS_LOCALHOST_ONLY": "1"} if IS_HUMBLE else {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
    return {**dds_environment(), **localhost, "ROS_DOMAIN_ID": str(domain_id), DISCOVERY_SERVER: ""}


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
