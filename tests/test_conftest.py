"""The fixtures that every other test relies on."""

from __future__ import annotations

import importlib
import socket
import urllib.request

import numpy as np
import pytest

SEED = 20_240_917


@pytest.mark.parametrize("address", [("192.0.2.1", 80), ("example.org", 443), ("2001:db8::1", 80)])
def test_no_test_reaches_another_machine(address: tuple[str, int]) -> None:
    with pytest.raises(Exception, match="a test must not use the network; got a look-up of"):
        socket.create_connection(address, timeout=1)
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family) as client:
        for connect in (client.connect, client.connect_ex):
            with pytest.raises(Exception, match="a test must not use the network; got connect"):
                connect(address)


def test_urllib_does_not_swallow_it() -> None:
    with pytest.raises(Exception, match="must not use the network"):
        urllib.request.urlopen("http://example.org", timeout=1)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_works(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection((host, server.getsockname()[1]), timeout=5).close()


def test_random_numbers_are_the_same_in_every_run(rng: np.random.Generator) -> None:
    assert rng.integers(1_000_000, size=3).tolist() == np.random.default_rng(SEED).integers(1_000_000, size=3).tolist()


@pytest.mark.parametrize("turn", [1, 2])
def test_figures_are_closed_after_a_test(turn: int) -> None:
    pyplot = importlib.import_module("matplotlib.pyplot")
    assert pyplot.get_backend().lower() == "agg"
    assert pyplot.get_fignums() == []
    pyplot.figure()  # the second turn finds it closed
