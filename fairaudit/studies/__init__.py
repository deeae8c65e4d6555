"""Studies on synthetic data: the demo, and the experiment on data and model size."""
