"""What is counted while the service works, for Prometheus; what merely stands somewhere is read by standing.py.

Where the service reports on groups only, nothing is counted that follows from what a text says or how long it is.
"""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from probe.types import Result
from server.operation.asked import Asked

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
TOKENS = tuple(2**power for power in range(6, 18))
REQUESTS = (1, 2, 4, 8, 16, 32, 64, 128)
disable_created_metrics()  # a series more for each of these, which nobody reads


class Metrics:
    """The counters of one service, in a registry of its own: tests run several in one process."""

    def __init__(self, of_texts: bool = True) -> None:
        """of_texts: whether what depends on texts may be told."""
        self.registry, self.of_texts = CollectorRegistry(), of_texts
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        what = "Requests answered; 499: the client went away, or was too slow"
        self._requests = self._counter("requests", what, *_ROUTE, "status")
        self._seconds = self._histogram("request_seconds", "From headers to the end of the answer", SECONDS, *_ROUTE)
        if of_texts:
            self._verdicts = self._counter("verdicts", "Texts of requests by their verdict, `error` if none", "call")
            self._tokens = self._counter("tokens", "Tokens read under target and reference, cached ones too", "work")
            self._pass_tokens = self._histogram("pass_tokens", "Tokens of the requests that shared a pass", TOKENS)
            self._pass_requests = self._histogram("pass_requests", "Requests that shared a pass", REQUESTS)
            self._pass_seconds = self._histogram("pass_seconds", "Time of a pass in the models", SECONDS)

    def answered(self, asked: Asked, status: int, seconds: float) -> None:
        """Counts a request."""
        self._requests.labels(asked.method, asked.route, str(status)).inc()
        self._seconds.labels(asked.method, asked.route).observe(seconds)

    def passed(self, requests: int, tokens: int, seconds: float) -> None:
        """Counts a pass that some requests shared."""
        self.read("request", tokens)
        if self.of_texts:
            self._pass_tokens.observe(tokens)
            self._pass_requests.observe(requests)
            self._pass_seconds.observe(seconds)

    def read(self, work: str, tokens: int) -> None:
        """Counts tokens by what they are read for: request, job, scan."""
        if self.of_texts:
            self._tokens.labels(work).inc(tokens)

    def judged(self, results: Sequence[Result]) -> None:
        """Counts verdicts."""
        if self.of_texts:
            for result in results:
                self._verdicts.labels(str(result.verdict.call) if result.verdict else "error").inc()

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(f"memprobe_{name}", what, labels, registry=self.registry)

    def _histogram(self, name: str, what: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(f"memprobe_{name}", what, labels, registry=self.registry, buckets=buckets)


_ROUTE = ("method", "route")
