"""The ROS 2 nodes: the car's side of the package."""
