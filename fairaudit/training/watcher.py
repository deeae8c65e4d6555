"""``DisparityWatcher``: indicators of an audit, measured while a network trains."""

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

#: Name of the checkpoint in messages.
NETWORK = "network in training"


class DisparityWatcher:
    """Watcher that measures disparities of a network in training, as ``fairaudit.audit`` of its export would.

    For ``fairaudit.pretrain.pretrain(..., watchers=[...])``. Each measurement writes one line into ``watch.jsonl``
    (``fairaudit.runs.watch_records``): the planned comparisons of each indicator and the values of their groups, each
    with n and an interval. The measurement after the last image equals that of an audit of the finished run.

    There is no verdict. Each 95 % interval holds for itself: over many comparisons and measurements some exclude zero
    by chance, and stopping a run at the best point of a curve selects on it. Conclusions need an audit of the finished
    network with its plan; ``fairaudit.compare`` tests two checkpoints in pairs.

    Parameters
    ----------
    data : mapping
        As in ``fairaudit.audit``; tables are read once, images at each measurement.
    every : int
        Measure every N training images, >= 1, and before the first step and after the last.
    name : str, default ``"disparity"``
        Column ``watcher`` of ``watch.jsonl``.
    **options
        Fields of ``fairaudit.auditing.options.AuditOptions``; by default all measurable ``indicators``. A ``probe``
        is a table, and fitted anew at each measurement.

    Raises
    ------
    InputError
        If an argument cannot be used, an indicator lacks something, or no indicator uses a data set. Errors of images
        and fits are raised at the measurement before the first step; later ones are recorded, and the training
        continues.
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
            raise ConfigError(f"every must be 1 or more; got {every}. A usual choice is 5000.")
        self.name, self.every = name, every
        config = make_config(NETWORK, data, **options)
        self._samples, self._probe = read_samples(config)
        self._config = dataclasses.replace(config, indicators=_able(config, self._samples))
        _check_use(self._config, self._samples)
        self._config.check_controls(self._samples)

    def look(self, moment: Moment) -> dict[str, Any]:
        """Measure the network and return the values that ``runs.watch_records`` describes.

        Raises
        ------
        InputError
            Before the first step only: if images or an option cannot be used, or an indicator lacks something.
        """
        from fairaudit.models.run import trunk_in_training

        model, first = trunk_in_training(moment.trunk, size=moment.size, name=NETWORK), moment.images == 0
        results: list[IndicatorResult] = []
        try:
            tables = make_tables(self._config, model, self._samples, self._probe, progress=False)
            cards = [data_card(table.samples, digest=table.extraction.digest) for table in tables.values()]
            results, failures = run_indicators(self._config, tables, lambda done, total: None)
        except InputError as error:
            if first:
                raise
            # A disk that is missing for an hour must not end a run of a week.
            cards, failures = [], [Failure("", "compute", str(error), "", "")]
        lacking = next((f for f in failures if f.stage == "requirements"), None)
        if first and lacking is not None:
            raise ConfigError(f"{lacking.reason} {lacking.what_to_do}")
        settings = _digest(self._config, {card.name: card.digest for card in cards})
        return watch_values(results, failures, cards, settings=settings)


def _able(config: AuditConfig, samples: Mapping[str, Samples]) -> tuple[Indicator, ...]:
    """Return the indicators that can be measured; raise if a requested indicator cannot."""
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
        raise ConfigError(f"at least one indicator must be measurable; got none. {' '.join(lacking)}")
    return tuple(able)


def _missing(config: AuditConfig, indicator: Indicator, samples: Mapping[str, Samples]) -> RequirementError | None:
    """Return what the indicator lacks, as far as this is known without images."""
    if all(dataset.subject != indicator.subject for dataset in samples.values()):
        return no_data(indicator)
    for need, path in (("predictions", config.probe), ("scores", config.text_encoder)):
        if need in indicator.needs and path is None:
            return no_table(indicator, need, config)
    return None


def _check_use(config: AuditConfig, samples: Mapping[str, Samples]) -> None:
    """Raise ConfigError for a data set that no indicator uses: each measurement would embed it in vain."""
    galleries = {getattr(options, "gallery", "") for options in config.options.values()}
    subjects = sorted({indicator.subject for indicator in config.indicators})
    for name, dataset in samples.items():
        if dataset.subject not in subjects and name not in galleries:
            raise ConfigError(
                f"watched data set '{name}' must show {' or '.join(subjects)}, which "
                f"{', '.join(i.name for i in config.indicators)} is about; got one that shows {dataset.subject}. "
                f"Leave it out, or watch an indicator of {dataset.subject} too."
            )


def _digest(config: AuditConfig, contents: Mapping[str, str]) -> str:
    """Return the SHA-256 of all settings and data, without the network, that determine a measurement."""
    decides = {**config.resolved(), "names": [i.name for i in config.indicators], "contents": dict(contents)}
    return hashlib.sha256(json.dumps(decides, sort_keys=True, default=str).encode()).hexdigest()
