"""Inference on disparities: outcomes, estimates, intervals, contrasts, verdicts. numpy, scipy and pandas only."""
