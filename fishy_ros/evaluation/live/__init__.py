"""The harness' side of ROS: the player, its session with a detector node, and live runs."""
