"""Images on disk: safe decoding, files, tar shards, listings, tables."""
