"""What is said where a gallery is taken for all that will ever be searched: on what every interval is conditional."""

from __future__ import annotations

import dataclasses

from fairaudit.core.disparity import Measured

CONDITIONAL = "conditional on this gallery"
WARNING = (
    f"Intervals, tests and verdicts are {CONDITIONAL}: they count that other people could have been looked up, and not "
    "that others could have been there to be found. They say nothing about another gallery. Where queries alone were "
    "resampled on 2,564 UTKFace images, labels without meaning raised false alarms in 56 to 74 % of audits (34 % where "
    "the gallery was other images), and in 0.3 % where the gallery counted as a sample, too."
)


def conditional(measured: Measured) -> Measured:
    """Return the tables with the condition beside every interval and test."""
    told = []
    for rows in (measured.groups, measured.disparities):
        with_interval = rows["ci_method"] != ""
        note = (rows["note"] + "; " + CONDITIONAL).str.removeprefix("; ")
        told.append(
            rows.assign(
                ci_method=(rows["ci_method"] + ", " + CONDITIONAL).where(with_interval, ""),
                note=note.where(with_interval, rows["note"]),
            )
        )
    return dataclasses.replace(measured, groups=told[0], disparities=told[1])
