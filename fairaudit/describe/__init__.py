"""The contents of a data set: checks, profiles, duplicates, datasheets."""
