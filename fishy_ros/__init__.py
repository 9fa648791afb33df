"""Real-time anomaly detection for driving cameras, as a ROS 2 node and as a library."""

__version__ = "0.1.0"
