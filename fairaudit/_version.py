"""The version of the package, and when this process loaded it, in a module that imports no other of the package."""

import time

__version__ = "0.1.0"
#: Seconds since 1970. A source that was changed later is not the code that this process runs.
LOADED = time.time()
