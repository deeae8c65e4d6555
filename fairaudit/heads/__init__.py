"""What is fitted on top of a model: a linear probe, a text encoder, and a head on image and text together."""
