"""Labels, images and the prepared data set: numpy, pandas, OpenCV; no torch."""
