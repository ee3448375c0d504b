"""A trained network at work: what it leaves, how it is loaded, what it says of images and how sure that is."""
