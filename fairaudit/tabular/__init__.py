"""Outcomes computed elsewhere: frames, tables, files, votes and their audit."""
