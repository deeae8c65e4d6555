"""``python -m fairaudit``: the command line, also in a checkout that is not installed."""

from __future__ import annotations

from fairaudit.cli.main import main

if __name__ == "__main__":
    main()
