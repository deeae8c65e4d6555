"""The synthetic world: its people, homes and memes, and the planted disparities."""
