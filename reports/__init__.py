"""Reports: audits, comparisons and training runs as HTML pages and as text for the terminal."""
