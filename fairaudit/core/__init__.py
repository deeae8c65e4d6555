"""Types, inference and files that everything shares; imports neither torch nor anything above it."""
