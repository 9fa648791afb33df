"""Launch the detector on a camera, with the middleware settings that large images need."""

from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import OpaqueFunction
from launch.conditions import IfCondition
from launch_ros.actions import Node

from fishy_ros.node import launching
from fishy_ros.topics import base_topic, camera_info_topic

SHARE = Path(__file__).resolve().parents[1]

NODE_PARAMETERS = {
    "model": "Name of a model package, or path of its folder",
    "trusted_key": "File of the public key that must have signed the model package",
    "runtime": "Inference runtime: auto, tensorrt, onnxruntime or openvino",
    "device": "Device of the runtime: auto, cpu, cuda[:N], dla[:N] (Jetson) or gpu[:N] (Intel)",
    "precision": "Precision of the graph: fp32, fp16 or int8",
    "threads": "CPU threads of a CPU runtime; 0 takes all cores",
    "image_transport": "raw subscribes to IMAGE_TOPIC, compressed to IMAGE_TOPIC/compressed",
    "autostart": "Configure and activate at start: true or false",
    "threshold": "Score from which a pixel is anomalous, 0 to 1; -1 takes that of the model",
    "heatmap_size": "Resolution of ~/heatmap and ~/mask: network or image",
    "frame_deadline_ms": "Time that a frame may take before the degraded mode begins; 0 sets no deadline",
}
"""Parameters that are arguments too; one that is not given keeps its value in the parameters file."""

OTHER_ARGUMENTS = {
    "image_topic": ("/camera/image_raw", "Topic of the camera's raw images"),
    "camera_info_topic": ("", "Topic of the camera's calibration (default: camera_info beside IMAGE_TOPIC)"),
    "depth_topic": (
        "/camera/aligned_depth_to_color/image_raw",
        "Topic of the registered depth image, with parameter use_depth",
    ),
    "odometry_topic": ("/odom", "Topic of the car's odometry, with parameter use_odometry"),
    "params_file": ("", "YAML file with parameters of the node (default: what config/detector.yaml says)"),
    "name": ("detector", "Name of the node"),
    "namespace": ("", "Namespace of the node"),
    "use_sim_time": ("", "Take the time from /clock: true or false (default: as an including launch file has set it)"),
    "respawn": ("false", "Start the node anew when it ends by itself: true or false"),
    "rviz": ("false", "Show camera, overlay and heatmap in RViz: true or false"),
    "log_level": ("info", "Lowest level that is logged: debug, info, warn, error or fatal"),
}


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments, then start the nodes."""
    parameters = {name: ("", f"{text} (default: as in params_file)") for name, text in NODE_PARAMETERS.items()}
    return launching.describe_scoped_launch({**parameters, **OTHER_ARGUMENTS}, OpaqueFunction(function=_start_nodes))


def _start_nodes(context: LaunchContext) -> list[Node]:
    values = launching.values_of(context, (*NODE_PARAMETERS, *OTHER_ARGUMENTS))
    name, namespace = values["name"], values["namespace"]
    image_topic = base_topic(values["image_topic"])
    info_topic = values["camera_info_topic"] or camera_info_topic(image_topic)
    detector = Node(
        package="fishy_ros",
        executable="detector",
        name=name,
        namespace=namespace,
        output="both",
        emulate_tty=True,
        parameters=launching.parameter_files(values, NODE_PARAMETERS),
        remappings=[
            ("image", image_topic),
            ("image/compressed", f"{image_topic}/compressed"),
            ("camera_info", info_topic),
            ("depth", values["depth_topic"]),
            ("odom", values["odometry_topic"]),
        ],
        ros_arguments=["--log-level", f"{launching.logger_name(context, namespace, name)}:={values['log_level']}"],
        respawn=launching.is_true(values["respawn"]),
        respawn_delay=launching.RESPAWN_DELAY_S,
        on_exit=launching.fail_on_bad_parameters,
    )
    prefix = launching.full_namespace(context, namespace).rstrip("/")
    rviz = Node(
        package="rviz2",
        executable="rviz2",
        arguments=["-d", str(SHARE / "rviz" / "detector.rviz")],
        parameters=[launching.parameters_file({"use_sim_time": launching.is_true(values["use_sim_time"] or "false")})],
        remappings=[
            ("/camera/image_raw", image_topic),
            ("/camera/camera_info", info_topic),
            *(
                (f"/detector/{topic}", f"{prefix}/{name}/{topic}")
                for topic in ("overlay", "heatmap", "mask", "markers", "obstacles")
            ),
        ],
        condition=IfCondition(values["rviz"]),
    )
    # RViz first: where it is not installed, launch fails before there is a detector that it would leave running.
    return [rviz, detector]
