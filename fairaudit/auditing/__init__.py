"""One audit: configuration, tables, indicators, self-test, plug-ins, and the Python interface."""
