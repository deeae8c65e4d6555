"""Reports: an ``AuditResult`` goes in, a file that people can read comes out.

This folder sees only ``fairaudit.core``: it renders an audit that was made last year by an indicator that is gone.
"""
