"""Planted disparities are found, and nothing is found where nothing is planted.

Trains the demo's checkpoints once with the knob at 0 and once at 1, draws the audited population anew many times, and
lets the audit's own verdict rule decide::

    python -m benchmarks.planted                  # 20 + 20 populations
    python -m benchmarks.planted --quick --populations 4

Bars: with the knob at 0 at most one population in twenty raises any ``disparity``; with it at 1 each plant is found in
at least 16 of 20, on every checkpoint that it names. Exits 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import tempfile
import time
from pathlib import Path

import torch

from fairaudit.core.audit import AuditResult
from fairaudit.datasets.synthetic import PLANTS, write_population, write_training
from fairaudit.studies.demo import CHECKPOINTS, DemoSettings, audit_checkpoint, train_checkpoint, train_text_encoder

FIRST_POPULATION = 1000


def prepare(work: Path, settings: DemoSettings) -> None:
    """Draw the training images and train the checkpoints, unless ``work`` has them."""
    done = work / "done"
    if done.exists():
        return
    write_training(work / "training", bias=settings.bias, seed=settings.seed, size=settings.size)
    for name in CHECKPOINTS:
        train_checkpoint(name, work / "runs", work / "training", settings)
    train_text_encoder(work / "training" / "texts.txt", work / "bert", settings)
    done.touch()


def audits_of(work: Path, settings: DemoSettings, population: int) -> dict[str, AuditResult]:
    """Audit all checkpoints on one new population."""
    folder = work / "population"
    shutil.rmtree(folder, ignore_errors=True)
    write_population(folder, bias=settings.bias, seed=FIRST_POPULATION + population, size=settings.size)
    return {
        name: audit_checkpoint(
            work / "runs" / name, folder, work / "training" / "labels.csv", work / "bert",
            name, None,
        )
        for name in CHECKPOINTS
    }  # fmt: skip


def alarms(audit: AuditResult) -> list[str]:
    """Return every ``disparity`` of an audit as text."""
    rows = audit.disparities
    found = rows[rows["verdict"] == "disparity"].to_dict("records")
    return [
        f"{r['indicator']}/{r['feature']}/{r['group'] or r['kind']} {r['value']:+.3f}, adjusted p {r['p_adjusted']:.4f}"
        for r in found
    ]


def expected(plant: str, checkpoint: str) -> bool:
    """Whether the plant's cause acts on this checkpoint."""
    return next(checkpoint in p.checkpoints for p in PLANTS if p.name == plant)


def nothing_planted(work: Path, n: int, *, quick: bool) -> tuple[str, bool]:
    """Audit ``n`` populations with the knob at 0; return a summary and whether the bar is met."""
    settings, folder, raised = DemoSettings(quick=quick, bias=0.0), work / "bias-0", 0
    prepare(folder, settings)
    for population in range(n):
        audits = audits_of(folder, settings, population)
        listed = [f"{name}: {alarm}" for name, audit in audits.items() for alarm in alarms(audit)]
        raised += bool(listed)
        print(f"knob 0, population {population}: {'; '.join(listed) or 'no disparity'}", flush=True)
    return f"{raised}/{n} populations raise a disparity on any checkpoint at knob 0", raised <= n // 20


def all_planted(work: Path, n: int, *, quick: bool) -> tuple[str, bool]:
    """Audit ``n`` populations with the knob at 1; return a summary and whether the bar is met."""
    settings, folder = DemoSettings(quick=quick, bias=1.0), work / "bias-1"
    found = {(p.name, c): 0 for p in PLANTS for c in CHECKPOINTS}
    prepare(folder, settings)
    for population in range(n):
        audits = audits_of(folder, settings, population)
        hits = {(p.name, name): p.found(audit) for p in PLANTS for name, audit in audits.items()}
        found = {key: found[key] + hits[key] for key in found}
        missed = [f"{p} on {c}" for (p, c), hit in hits.items() if not hit and expected(p, c)]
        print(f"knob 1, population {population}: {'; '.join(missed) or 'all found'}", flush=True)
    for (plant, checkpoint), count in found.items():
        aside = "" if expected(plant, checkpoint) else " (not expected)"
        print(f"knob 1: {count:>2} of {n}  {plant} on {checkpoint}{aside}")
    least = min(count for (plant, checkpoint), count in found.items() if expected(plant, checkpoint))
    return f"the plant found least often is found in {least}/{n} at knob 1", least >= 0.8 * n


def main() -> int:
    """Run both halves, or one, and return 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--populations", type=int, default=20)
    parser.add_argument("--knob", type=int, choices=(0, 1), help="only this half")
    parser.add_argument("--quick", action="store_true", help="the quick demo's world and recipe")
    parser.add_argument("--work", type=Path, help="folder that keeps the trained checkpoints")
    arguments = parser.parse_args()
    work = arguments.work or Path(tempfile.mkdtemp(prefix="planted-"))
    n, started = arguments.populations, time.perf_counter()
    print(f"torch {torch.__version__}, {platform.machine()}, {torch.get_num_threads()} threads, {n} populations each")
    halves = {0: nothing_planted, 1: all_planted}
    done = [half(work, n, quick=arguments.quick) for k, half in halves.items() if arguments.knob in (None, k)]
    passed = all(met for _, met in done)
    print(f"{time.perf_counter() - started:.0f} s in all")
    print(f"planted: {'; '.join(text for text, _ in done)}: {'pass' if passed else 'MISSED'}")
    return 0 if passed else 1


if __name__ == "__main__":
    raise SystemExit(main())
