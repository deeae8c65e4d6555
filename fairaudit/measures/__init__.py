"""Measurements of an indicator before inference: neighbours, ranking, labels, homes, robustness."""
