"""The command line: parse options, make one call, print the result."""
