"""Training with disparities watched, and adaptation: probes and fine-tuning."""
