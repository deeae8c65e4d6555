"""One audit: configuration, tables, indicators, self-test, plugins and the Python interface."""
