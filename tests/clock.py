"""A clock that a test drives, so that no figure depends on how busy the machine is."""

NS = 10**9


class Clock:
    """Stands where a module has `time`: only sleeping moves it."""

    def __init__(self) -> None:
        self.now_ns = 1_700_000_000 * NS
        self.moved = lambda: None

    def monotonic_ns(self) -> int:
        return self.now_ns

    time_ns = monotonic_ns

    def monotonic(self) -> float:
        return self.now_ns / NS

    time = monotonic

    def sleep(self, seconds: float) -> None:
        self.now_ns += round(seconds * NS)
        self.moved()
