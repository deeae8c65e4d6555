"""What several readers need; not itself a reader."""
