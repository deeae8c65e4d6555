"""SwAV's loss with its codes and gradient, against the plain form: one Sinkhorn per crop, one log-softmax per pair.

::

    python -m benchmarks.loss                     # K = 3,000, batch 256, 8 crops; K = 16,000 is printed beside it
    python -m benchmarks.loss --device cuda

Both sides get the same scores with a gradient to make, and are timed in turn, in blocks, in one process; the plain form
is written as the published training script reads (arXiv:2006.09882, algorithm 1), without its collectives. Memory is
what tensors take at the most beyond the scores: on a processor counted by torch's profiler, on a GPU by its allocator.
Bars at K = 3,000: at least 2 times as fast, at most a third of the memory. Both must agree to 1e-5. Exits 1 when one is
missed.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable, Sequence
from statistics import median

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from fairaudit.pretrain.sinkhorn import sinkhorn
from fairaudit.pretrain.swav import swav_loss

FASTER, MEMORY = 2.0, 1 / 3
TEMPERATURE, EPSILON, ITERATIONS, ASSIGNED = 0.1, 0.05, 3, 2
ROUNDS = 9

Loss = Callable[[Tensor], Tensor]


def ours(scores_VBK: Tensor) -> Tensor:
    """Return the loss as training computes it."""
    codes_ABK = sinkhorn(scores_VBK[:ASSIGNED].detach(), epsilon=EPSILON, iterations=ITERATIONS)
    return swav_loss(scores_VBK, codes_ABK, temperature=TEMPERATURE)


def plain(scores_VBK: Tensor) -> Tensor:
    """Return the loss as the published script computes it."""
    with torch.no_grad():
        codes = [plain_codes(scores_VBK[i], epsilon=EPSILON, iterations=ITERATIONS) for i in range(ASSIGNED)]
    return plain_loss(scores_VBK, codes, temperature=TEMPERATURE)


def plain_loss(scores_VBK: Tensor, codes: Sequence[Tensor], *, temperature: float) -> Tensor:
    """Return the loss with a log-softmax for each pair of views."""
    loss, views = scores_VBK.new_zeros(()), len(scores_VBK)
    for i, code_BK in enumerate(codes):
        pairs = scores_VBK.new_zeros(())
        for v in range(views):
            if v != i:
                log_p_BK = torch.log_softmax(scores_VBK[v] / temperature, dim=1)
                pairs = pairs - (code_BK * log_p_BK).sum(dim=1).mean()
        loss = loss + pairs / (views - 1)
    return loss / len(codes)


def plain_codes(scores_NK: Tensor, *, epsilon: float, iterations: int) -> Tensor:
    """Return the codes of one crop, the table written anew twice an iteration."""
    q_KN = torch.exp(scores_NK / epsilon).t()
    k, n = q_KN.shape
    q_KN /= q_KN.sum()
    for _ in range(iterations):
        q_KN /= q_KN.sum(dim=1, keepdim=True)
        q_KN /= k
        q_KN /= q_KN.sum(dim=0, keepdim=True)
        q_KN /= n
    q_KN *= n
    return q_KN.t()


def seconds(loss: Loss, scores: Tensor, *, calls: int) -> float:
    """Return the time of a call with its gradient."""
    _wait(scores)
    start = time.perf_counter()
    for _ in range(calls):
        scores.grad = None
        loss(scores).backward()  # type: ignore[no-untyped-call]
    _wait(scores)
    return (time.perf_counter() - start) / calls


def peak_bytes(loss: Loss, scores: Tensor) -> int:
    """Return what tensors take at the most during a call with its gradient, beyond what was there."""
    scores.grad = None
    if scores.is_cuda:
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        loss(scores).backward()  # type: ignore[no-untyped-call]
        return torch.cuda.max_memory_allocated() - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        loss(scores).backward()  # type: ignore[no-untyped-call]
    held = peak = 0
    changes = [e for e in found.profiler.kineto_results.events() if e.name() == "[memory]"]
    for event in sorted(changes, key=lambda e: e.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return peak


def _wait(scores: Tensor) -> None:
    if scores.is_cuda:
        torch.cuda.synchronize()


def compare(k: int, *, batch: int, views: int, device: str) -> tuple[float, float]:
    """Print both sides' time and memory and return the plain form's time over ours, and our memory over its."""
    generator = torch.Generator().manual_seed(0)
    vectors, prototypes = (torch.randn(n, 128, generator=generator) for n in (views * batch, k))
    vectors, prototypes = (torch.nn.functional.normalize(x, dim=1) for x in (vectors, prototypes))
    scores = (vectors @ prototypes.T).view(views, batch, k).to(device).requires_grad_()
    values = [float(loss(scores).detach()) for loss in (ours, plain)]
    gradients = [torch.autograd.grad(loss(scores), scores)[0] for loss in (ours, plain)]
    worst = float((gradients[0] - gradients[1]).abs().max() / gradients[1].abs().max())
    if abs(values[0] - values[1]) > 1e-5 * values[1] or worst > 1e-5:
        raise SystemExit(f"both forms must agree to 1e-5; got losses {values} and gradients {worst:.1e} apart")
    del gradients
    memory = [peak_bytes(loss, scores) for loss in (ours, plain)]
    calls = 20 if scores.is_cuda else 1
    times = [[seconds(loss, scores, calls=calls) for loss in (ours, plain)] for _ in range(ROUNDS)]
    fast, slow = (median(column) for column in zip(*times, strict=True))
    ratio = median(b / a for a, b in times)
    mebibytes = " and ".join(f"{taken / 2**20:.0f}" for taken in memory)
    print(
        f"K {k:,}, batch {batch}, {views} crops: ours {fast * 1e3:.1f} ms, plain {slow * 1e3:.1f} ms, {ratio:.2f} "
        f"times as fast; {mebibytes} MiB beyond the scores, {memory[0] / memory[1]:.2f}"
    )
    return ratio, memory[0] / memory[1]


def main() -> int:
    """Compare both forms and return 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--views", type=int, default=8)
    parser.add_argument("--threads", type=int, help="processor cores for torch; all by default")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    print(f"torch {torch.__version__}, {platform.machine()}, {torch.get_num_threads()} threads, {arguments.device}")
    shape = {"batch": arguments.batch, "views": arguments.views, "device": arguments.device}
    ratio, memory = compare(3000, **shape)
    compare(16000, **shape)
    met = ratio >= FASTER and memory <= MEMORY
    print(
        f"SwAV loss: {ratio:.2f} times the plain form (bar {FASTER:g}), {memory:.2f} of its memory (bar {MEMORY:.2f}): "
        f"{'pass' if met else 'MISSED'}"
    )
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
