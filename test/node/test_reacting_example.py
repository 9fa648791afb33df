"""The example that reacts to the mask, fed by a running detector."""

from __future__ import annotations

import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from std_msgs.msg import Bool
from support.detector_bench import header, image_message
from support.sources import ROOT, load_script


def test_the_example_stops_for_what_the_detector_sees_ahead_only(start_detector, domain):
    bench = start_detector(threshold=0.5)
    bench.subscribe("mask")
    bench.wait_until_connected()
    rclpy.init(args=["--ros-args", "-r", "mask:=/detector/mask"], domain_id=domain)
    node, executor, stops = (
        load_script(ROOT / "examples" / "react_to_mask.py").ReactToMask(),
        SingleThreadedExecutor(),
        [],
    )
    executor.add_node(node)
    bench.node.create_subscription(Bool, "/stop", lambda message: stops.append(message.data), 10)
    road = np.full((64, 128, 3), 90, np.uint8)
    ahead, beside = road.copy(), road.copy()
    ahead[40:48, 60:68] = 255
    beside[2:10, 4:12] = 255

    def comes_to(stop, image):
        """Show an image until the example says `stop`."""
        bench.image.publish(image_message(image, header(0)))
        bench.spin_for(0.05)
        executor.spin_once(timeout_sec=0.1)
        return bool(stops) and stops[-1] is stop

    try:
        for stop, image in ((False, road), (True, ahead), (False, beside)):
            bench.spin_until(lambda stop=stop, image=image: comes_to(stop, image), f"the example to say {stop}")
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
