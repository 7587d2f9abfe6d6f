"""The decision to poll, on a clock of the test's."""

from colocroute.server.spin import BUSY_RATE, CREDIT_WINDOWS, IDLE_SHARE, STEP_BACK, Spinner

WINDOW = 50e-6


class Traffic:
    """Requests at given gaps after each answer; sums up what polling cost and how often it helped."""

    def __init__(self, window: float = WINDOW) -> None:
        self.now = 1000.0
        self.preempted = 0.0
        self.preemption_rate = 0.0
        self.wasted = 0.0
        self.found = 0
        self.spinner = Spinner(window, lambda: int(self.preempted), lambda: self.now)

    def request_after(self, gap: float) -> bool:
        """Whether it was polled for."""
        until = self.spinner.start(self.now)
        arrival = self.now + gap
        self.preempted += gap * self.preemption_rate
        polled = until > self.now
        if polled and arrival <= until:
            self.found += 1
            self.spinner.found()
        elif polled:
            self.wasted += until - self.now
            self.spinner.failed(until)
        self.now = arrival
        return polled

    def run(self, gap: float, requests: int) -> None:
        for _ in range(requests):
            self.request_after(gap)


def test_it_polls_as_long_as_requests_come_within_the_window() -> None:
    traffic = Traffic()
    traffic.run(0.8 * WINDOW, 10_000)
    assert traffic.found == 10_000


def test_it_does_not_poll_when_requests_come_further_apart() -> None:
    for gap in (1.2 * WINDOW, 1e-4, 1e-3):
        traffic = Traffic()
        begin = traffic.now
        traffic.run(gap, 100_000)
        seconds = traffic.now - begin
        assert traffic.found == 0
        assert traffic.wasted <= IDLE_SHARE * seconds + (CREDIT_WINDOWS + 1) * WINDOW


def test_a_burst_after_a_quiet_time_is_met_at_once() -> None:
    traffic = Traffic()
    traffic.run(1e-3, 1000)
    for _ in range(100):
        traffic.request_after(1.0)
        assert all(traffic.request_after(0.5 * WINDOW) for _ in range(6))


def test_it_learns_a_new_rhythm_both_ways() -> None:
    traffic = Traffic()
    traffic.run(0.5 * WINDOW, 1000)
    traffic.run(3 * WINDOW, 20)
    assert traffic.wasted <= (CREDIT_WINDOWS + 1) * WINDOW
    assert not traffic.request_after(3 * WINDOW)
    traffic.run(0.5 * WINDOW, 1000)
    before = traffic.found
    traffic.run(0.5 * WINDOW, 100)
    assert traffic.found == before + 100


def test_more_hits_than_misses_are_worth_it() -> None:
    traffic = Traffic()
    for _ in range(1000):
        assert all(traffic.request_after(gap * WINDOW) for gap in (0.5, 0.5, 5))


def test_it_steps_back_when_the_core_is_busy_and_returns() -> None:
    traffic = Traffic()
    traffic.run(0.5 * WINDOW, 1000)
    traffic.preemption_rate = 5 * BUSY_RATE
    traffic.run(0.5 * WINDOW, 2000)
    assert not any(traffic.request_after(0.5 * WINDOW) for _ in range(20_000))
    traffic.preemption_rate = 0.1 * BUSY_RATE
    traffic.run(0.5 * WINDOW, int(2 * STEP_BACK / (0.5 * WINDOW)))
    assert all(traffic.request_after(0.5 * WINDOW) for _ in range(1000))


def test_no_window_is_no_polling() -> None:
    traffic = Traffic(window=0.0)
    assert not any(traffic.request_after(gap) for gap in (0.0, 1e-6, 1.0))


def test_without_a_window_nobody_counts_preemptions() -> None:
    looks: list[int] = []

    def look() -> int:
        looks.append(1)
        return 0

    spinner = Spinner(0.0, look, lambda: 0.0)
    looks.clear()
    assert [spinner.start(now) for now in (1.0, 2.0)] == [0.0, 0.0]
    assert not looks
