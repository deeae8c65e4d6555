"""Training with watched disparities, and adaptation by probes and fine-tuning."""
