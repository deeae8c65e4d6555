"""Images to embeddings and predictions: extraction, its cache, features computed elsewhere."""
