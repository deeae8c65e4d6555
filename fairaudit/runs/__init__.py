"""Records of a training run, read without torch."""
