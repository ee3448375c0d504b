"""What frozen prefixes make of images, kept on a disk so that each is computed once for all trials of all studies."""

FOLDER = "activations"  # of an image store: what was made of its images
ABOUT, VALUES, CHECKS = "activations.json", "values.bin", "checks.bin"  # of what is kept for one key
CHECK = 20  # bytes of a row of checks.bin: the hash of the image file and a checksum of the values
