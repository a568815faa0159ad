"""pytest-benchmark as the harness: cases become tests, our blocks become its rounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from suites.kernels.session import KernelSession

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from suites.kernels.harness import Measure

_OPTIONS = ("profile", "case", "model", "seed")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("fenmark kernels")
    group.addoption("--profile", default="quick", help="quick, standard or full")
    group.addoption("--case", default=None, help="pattern of case names, such as 'gemm*'")
    group.addoption("--backend", default=None, help="backends, comma between")
    group.addoption("--model", default="qwen2.5-0.5b", help="geometry the shapes come from")
    group.addoption("--seed", type=int, default=0, help="seed of the inputs")


def pytest_configure(config: pytest.Config) -> None:
    """Take the session that the child process registered, or make one from the options."""
    if any(isinstance(plugin, KernelSession) for plugin in config.pluginmanager.get_plugins()):
        return
    backends = config.getoption("--backend")
    spec: dict[str, Any] = {name: config.getoption(f"--{name}") for name in _OPTIONS}
    spec["backend"] = backends.split(",") if backends else None
    config.pluginmanager.register(KernelSession(spec))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    family = metafunc.function.__name__.removeprefix("bench_")
    cases = [case for case in _session(metafunc.config).cases if case.work.family == family]
    metafunc.parametrize("case", cases, ids=[case.name for case in cases])


@pytest.fixture
def measure(request: pytest.FixtureRequest, benchmark: BenchmarkFixture) -> Measure:
    """Check and time a case, and hand its blocks to pytest-benchmark."""
    session = _session(request.config)

    def run(case: Any) -> None:
        measured = session.measure(case)
        seconds = measured.timing.seconds
        # pytest-benchmark reads its timer before and after each round; this one replays ours.
        # `_timer` is private, so the version is pinned.
        benchmark._timer = _Replay(seconds)  # noqa: SLF001 - no public door
        benchmark.extra_info.update(session.extra_info(measured))
        benchmark.pedantic(lambda: None, rounds=len(seconds), iterations=1)  # type: ignore[no-untyped-call]

    return run


class _Replay:
    """A timer whose n-th pair of readings lies the n-th sample apart."""

    def __init__(self, samples: tuple[float, ...]) -> None:
        self._samples, self._now, self._inside = iter(samples), 0.0, False

    def __call__(self) -> float:
        if self._inside:
            self._now += next(self._samples)
        self._inside = not self._inside
        return self._now


def _session(config: pytest.Config) -> KernelSession:
    plugins = config.pluginmanager.get_plugins()
    return next(plugin for plugin in plugins if isinstance(plugin, KernelSession))
