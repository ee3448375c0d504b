"""silktune: search and ablation for SilkNet on Ray, recorded in MLflow. Importing it loads nothing heavy."""

__version__ = "0.1.0"
