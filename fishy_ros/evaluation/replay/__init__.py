"""Playing frames, in process or to a node, and matching what comes back by stamp; knows no ROS."""
