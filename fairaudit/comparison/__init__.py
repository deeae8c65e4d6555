"""Two and more audits: matching, paired and relative change, factorial designs, model size."""
