"""Training, calibration and export of model packages."""
