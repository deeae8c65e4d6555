"""A user's own network, as the text of a module: the average colours of sixteen parts of a picture."""

POOLED = """
import torch

class Pooled(torch.nn.Module):
    preprocessing = {"size": 32, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}

    def forward(self, batch):
        return torch.nn.functional.adaptive_avg_pool2d(batch, 4).flatten(1)

def pooled():
    return Pooled()
"""
