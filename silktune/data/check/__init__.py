"""What may be wrong with a label table and its images, found without training anything."""
