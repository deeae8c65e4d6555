"""``DisparityWatcher``: an audit's indicators on a network while it trains, so that a run shows how disparities go."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from fairaudit.auditing.config import AuditConfig, make_config
from fairaudit.auditing.indicator_run import no_data, no_table, run_indicators
from fairaudit.auditing.options import WatcherKeywords, takes
from fairaudit.auditing.tables import data_card, make_tables, read_samples
from fairaudit.core.errors import ConfigError, InputError, RequirementError
from fairaudit.core.indicator import Indicator
from fairaudit.core.result import Failure, IndicatorResult
from fairaudit.core.samples import Samples
from fairaudit.runs.watch_records import watch_values

if TYPE_CHECKING:
    from fairaudit.pretrain.watch import Moment

#: What stands in a message where an audit would name its checkpoint.
NETWORK = "network in training"


class DisparityWatcher:
    """Measures disparities of a network while it trains, as ``fairaudit.audit`` would of its export at that moment.

    Give it to ``fairaudit.pretrain.pretrain(..., watchers=[...])``. Each look writes one line into ``watch.jsonl``
    (``fairaudit.runs.watch_records``): the planned comparisons of each indicator, the values of their groups, each
    with n and an interval. The look after the last image has the numbers of an audit of the finished run.

    There is no verdict. Intervals are at 95 %, each for itself; over many comparisons and looks some lie clear of zero
    by chance, and who stops a run where a curve looks best has chosen by it. What holds of the finished network is said
    by an audit with its plan, and whether two checkpoints differ by ``fairaudit.compare``, in pairs.

    Parameters
    ----------
    data : mapping
        Folder by reader, or by name and reader, as for ``fairaudit.audit``; tables are read once, images at each look.
    every : int
        Images that are trained on between two looks, >= 1. A run looks before its first step and after its last, too.
    name : str, default ``"disparity"``
        Column ``watcher`` of ``watch.jsonl``.
    **options
        Fields of ``fairaudit.auditing.options.AuditOptions``: ``indicators`` (default: all that can be measured with
        what is given), ``options``, ``probe`` (a table; fitted anew at each look), ``text_encoder``,
        ``allow_unreadable``, ``seed``, ``batch_size``.

    Raises
    ------
    InputError
        If something that was given cannot be used, an indicator lacks something, or a data set is of no use to any.
        What only the images or a fit can show is raised at the look before the first step; from then on it is written
        down as a failure of that look, and the training goes on.
    """

    @takes(WatcherKeywords)
    def __init__(
        self,
        *,
        data: Mapping[str, str | Path],
        every: int,
        name: str = "disparity",
        **options: Unpack[WatcherKeywords],
    ) -> None:
        if every < 1:
            raise ConfigError(f"every must be 1 or more; got {every}. Look every 5,000 images, say.")
        self.name, self.every = name, every
        config = make_config(NETWORK, data, **options)
        self._samples, self._probe = read_samples(config)
        self._config = dataclasses.replace(config, indicators=_able(config, self._samples))
        _check_use(self._config, self._samples)
        self._config.check_controls(self._samples)

    def look(self, moment: Moment) -> dict[str, Any]:
        """Return what ``runs.watch_records`` describes; nothing of the run is changed.

        Raises
        ------
        InputError
            At the random start only: if the images or an option cannot be used, or an indicator lacks something.
        """
        from fairaudit.models.run import trunk_in_training

        model, first = trunk_in_training(moment.trunk, size=moment.size, name=NETWORK), moment.images == 0
        results: list[IndicatorResult] = []
        try:
            tables = make_tables(self._config, model, self._samples, self._probe, progress=False)
            cards = [data_card(one.samples, digest=one.extraction.digest) for one in tables.values()]
            results, failures = run_indicators(self._config, tables, lambda done, total: None)
        except InputError as error:
            if first:
                raise
            # A disk that is gone for an hour must not end a run of a week.
            cards, failures = [], [Failure("", "compute", str(error), "", "")]
        lacking = next((f for f in failures if f.stage == "requirements"), None)
        if first and lacking is not None:
            raise ConfigError(f"{lacking.reason} {lacking.what_to_do}")
        settings = _digest(self._config, {card.name: card.digest for card in cards})
        return watch_values(results, failures, cards, settings=settings)


def _able(config: AuditConfig, samples: Mapping[str, Samples]) -> tuple[Indicator, ...]:
    """Return the indicators that have what they need; raise for one that was asked for and has not."""
    able, lacking = [], []
    for indicator in config.indicators:
        missing = _missing(config, indicator, samples)
        if missing is None:
            able.append(indicator)
        elif indicator.name in config.asked:
            raise ConfigError(str(missing))
        else:
            lacking.append(str(missing))
    if not able:
        raise ConfigError(f"at least one indicator must be measurable; got what lets none be. {' '.join(lacking)}")
    return tuple(able)


def _missing(config: AuditConfig, indicator: Indicator, samples: Mapping[str, Samples]) -> RequirementError | None:
    """Return what the indicator lacks, as far as it is known before an image is looked at."""
    if all(one.subject != indicator.subject for one in samples.values()):
        return no_data(indicator)
    for need, given in (("predictions", config.probe), ("scores", config.text_encoder)):
        if need in indicator.needs and given is None:
            return no_table(indicator, need, config)
    return None


def _check_use(config: AuditConfig, samples: Mapping[str, Samples]) -> None:
    """Refuse a data set that nothing is measured on: each look would embed it in vain."""
    galleries = {getattr(options, "gallery", "") for options in config.options.values()}
    subjects = sorted({indicator.subject for indicator in config.indicators})
    for name, one in samples.items():
        if one.subject not in subjects and name not in galleries:
            raise ConfigError(
                f"watched data set '{name}' must show {' or '.join(subjects)}, which "
                f"{', '.join(i.name for i in config.indicators)} is about; got one that shows {one.subject}. "
                f"Leave it out, or watch an indicator of {one.subject} too."
            )


def _digest(config: AuditConfig, contents: Mapping[str, str]) -> str:
    """Return the SHA-256 of everything but the network that decides what a look measures."""
    decides = {**config.resolved(), "names": [i.name for i in config.indicators], "contents": dict(contents)}
    return hashlib.sha256(json.dumps(decides, sort_keys=True, default=str).encode()).hexdigest()
