"""Figures for Prometheus: of requests as they are answered, of jobs as the database has them when it is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import GaugeHistogramMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from deepfakebench_ext.service.job_figures import JobFigures

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)


class RequestFigures:
    """Requests by method, route and status, and how long each waited for the beginning of its answer."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Keep them in that registry."""
        self._seconds = Histogram(
            "dfb_request_seconds",
            "From a request to the beginning of its answer",
            labelnames=("method", "route", "status"),
            buckets=_SECONDS,
            registry=registry,
        )

    def saw(self, method: str, route: str, status: int, took_s: float) -> None:
        """Count one."""
        self._seconds.labels(method, route, str(status)).observe(took_s)


class KeptJobs(Collector):
    """Figures of all jobs that are kept. They fall where jobs are deleted, so they are gauges."""

    def __init__(self, figures: Callable[[], JobFigures], free_bytes: Callable[[], int]) -> None:
        """Take what reads them."""
        self._figures, self._free_bytes = figures, free_bytes

    def collect(self) -> Iterator[Metric]:
        """Yield each figure."""
        figures = self._figures()
        jobs = GaugeMetricFamily("dfb_jobs", "Jobs that are kept, by state", labels=["state"])
        for state, number in figures.counts.items():
            jobs.add_metric([state], number)
        yield jobs
        for name, what, value in (
            ("dfb_oldest_waiting_seconds", "For how long the job waits that waits longest", figures.oldest_waiting_s),
            ("dfb_oldest_running_seconds", "Since when the job runs that was begun first", figures.oldest_running_s),
            ("dfb_job_crashes", "How often a process ended under a job that is kept", figures.crashes),
            ("dfb_job_losses", "How often the worker of a job that is kept was lost", figures.losses),
            ("dfb_free_bytes", "Room on the disk of the data folder", self._free_bytes()),
        ):
            yield GaugeMetricFamily(name, what, value=value)
        for name, what, spans in (
            ("dfb_job_seconds", "From the first beginning of a job to its end, by how it ended", figures.took),
            ("dfb_job_wait_seconds", "From the submission of a job to its first beginning", figures.waited),
        ):
            family = GaugeHistogramMetricFamily(name, what, labels=["state"])
            for state, span in spans.items():
                family.add_metric([state], [(_bound(most), number) for most, number in span.up_to], span.sum_s)
            yield family


def _bound(most: float) -> str:
    return "+Inf" if most == float("inf") else str(most)
