"""Play a bag through the detector node, score its heatmaps and, if wanted, watch them in RViz.

The detector is started by `detector.launch.py`, the player and scorer is the executable `replay`; the launch
ends when the bag has been played and scored.
"""

from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import IncludeLaunchDescription, Shutdown
from launch.conditions import IfCondition
from launch.events.process import ProcessExited
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from fishy_ros.node import launching

FOLDER = Path(__file__).resolve().parent

FOR_REPLAY = {
    "bag": (None, "Bag to play: a folder, or an .mcap or .db3 file", str),
    "bag_image_topic": ("", "Camera of the bag; needed where it has several", str),
    "rate": ("0.0", "Frames a second; 0 plays at the rate of the bag", float),
    "lockstep": ("false", "Play each frame only after the heatmap of the previous one: true or false", bool),
    "image_topic": ("/camera/image_raw", "Topic on which the images are played", str),
    "scorer": ("true", "Write a report; false only prints the table: true or false", bool),
    "out": ("fishy_replay", "Folder of the report", str),
    "video": ("false", "Write the overlays as a video: true or false", bool),
}
"""Arguments that become parameters of the executable `replay`: default, meaning and type."""

FOR_DETECTOR = {
    "model": ("", "Name of a model package, or path of its folder (default: as in the node's parameters file)"),
    "runtime": ("", "Inference runtime (default: as in the node's parameters file)"),
    "image_transport": ("raw", "What the bag holds: raw or compressed"),
    "namespace": ("", "Namespace of the detector"),
    "rviz": ("false", "Show camera, overlay and heatmap in RViz: true or false"),
}
"""Arguments that are handed to `detector.launch.py`: default and meaning."""


def generate_launch_description() -> LaunchDescription:
    """Start the detector, RViz, and the player that ends the launch when it is done."""
    detector = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(FOLDER / "detector.launch.py")),
        launch_arguments={name: LaunchConfiguration(name) for name in (*FOR_DETECTOR, "image_topic")}.items(),
        condition=IfCondition(LaunchConfiguration("detector")),
    )
    parameters = {
        name: ParameterValue(LaunchConfiguration(name), value_type=kind) for name, (_, _, kind) in FOR_REPLAY.items()
    }
    player = Node(
        package="fishy_ros",
        executable="replay",
        namespace=LaunchConfiguration("namespace"),
        output="screen",
        parameters=[parameters],
        on_exit=_end_with_replay,
    )
    arguments = {
        **{name: (default, meaning) for name, (default, meaning, _) in FOR_REPLAY.items()},
        **FOR_DETECTOR,
        "detector": ("true", "Start the detector; false uses one that runs already: true or false"),
    }
    return launching.describe_launch(arguments, detector, player)


def _end_with_replay(event: ProcessExited, context: LaunchContext) -> list[Shutdown]:
    """End the launch; an exception is what gives `ros2 launch` an exit status of 1."""
    if event.returncode:
        raise RuntimeError(f"the replay failed with exit status {event.returncode}")
    return [Shutdown(reason="the replay is over")]
