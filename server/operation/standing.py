"""What stands in a service at this moment, as Prometheus reads it: the queue, jobs, scans, the cache, readiness."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from probe.models.cache import caches_of
from probe.versions import versions
from server.operation.readiness import obstacle, uncounted
from server.service import Service


class Standing(Collector):
    """Asks the service; `describe` asks nothing, so that it can be registered before there are models."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        service = self._service
        yield _gauge("info", "The version that runs", {(versions().get("memprobe", "0"),): 1}, "version")
        yield _gauge("ready", "1 where a verdict can be given", not (obstacle(service) or uncounted(service)))
        yield _gauge("queue_requests", "Requests that wait or are being measured", service.batcher.pending)
        yield _gauge("queue_limit", "Requests that may (MEMPROBE_QUEUE_DEPTH)", service.batcher.depth)
        yield _gauge("still_seconds", "Time since the thread that moved least took a step", service.batcher.still)
        jobs = Counter[tuple[str, ...]]((job.kind, job.status) for job in service.jobs.all())
        yield _gauge("jobs", "Jobs of this run of the service", jobs, "kind", "status")
        if (scans := service.scans()) is not None:
            yield _gauge("scans", "Batches in the database", {(status,): n for status, n in scans.items()}, "status")
        if service.metrics.of_texts:
            yield from _caches(service)


def _caches(service: Service) -> Iterator[Metric]:
    caches = caches_of(service.engines())
    what = "Look-ups of a text's statistics under a model"
    found = CounterMetricFamily("memprobe_cache_texts", what, labels=["found"])
    found.add_metric(["hit"], sum(cache.hits for cache in caches))
    found.add_metric(["miss"], sum(cache.misses for cache in caches))
    yield found


def _gauge(name: str, what: str, values: float | Mapping[tuple[str, ...], int], *labels: str) -> GaugeMetricFamily:
    found = GaugeMetricFamily(f"memprobe_{name}", what, labels=labels)
    for key, value in values.items() if isinstance(values, Mapping) else [((), values)]:
        found.add_metric(key, value)
    return found
