"""Studies on drawn data: the demo and the experiment on data and model size."""
