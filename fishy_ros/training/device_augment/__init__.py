"""Crops made on the device that trains, a batch at a time: the same recipe as with OpenCV, at the speed of a GPU."""
