"""`/metrics` for Prometheus: what all processes of all hosts tell, out of the database (docs/metrics.md).

Any web process may be asked, and each gives the same answer. Where `METRICS_TOKEN` is set, the scraper sends it as
a bearer token.
"""

import hmac
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from dialing import ports, reconcile, reports, tallies
from dialing.attempt import OPEN
from dialing.leases import database_time
from dialing.models import ProcessReport, Repair, Tally
from leads.models import CallAttempt, LeadStatus
from telephony.models import DialerPort


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    if settings.METRICS_TOKEN and not _has_token(request):
        return HttpResponse("Send the token of METRICS_TOKEN as a bearer token.\n", "text/plain", 401)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Dialer(database_time()))
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _has_token(request: HttpRequest) -> bool:
    sent = request.headers.get("Authorization", "").partition("Bearer ")[2]
    return hmac.compare_digest(sent.encode(), settings.METRICS_TOKEN.encode())


class _Dialer(Collector):
    """A handful of small queries at each scrape."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def describe(self) -> list[Metric]:
        return []  # registering must not ask the database

    def collect(self) -> Iterator[Metric]:
        yield _calls()
        yield from _ports(self._now)
        yield _leaks(self._now)
        yield from _processes(self._now)
        counts = _tallies()
        yield _counter("claims", "Leads claimed", counts[tallies.CLAIMS])
        yield _by_label(
            "results", "Ended attempts by result", "result", counts[tallies.RESULTS], LeadStatus.values
        )
        yield _by_label(
            "gate_refusals", "Attempts that were not dialed, by reason", "answer", counts[tallies.REFUSALS]
        )
        yield _by_label("repairs", "Repairs, by kind", "kind", counts[tallies.REPAIRS], Repair.values)
        yield _by_label(
            "pushes", "Messages of contact centres, by outcome", "outcome", counts[tallies.PUSHES]
        )
        yield _promptness(counts[tallies.PROMPTNESS])


def _calls() -> Metric:
    found = dict(
        CallAttempt.objects.filter(ended_at=None).values_list("state").annotate(Count("pk")).order_by()
    )
    metric = GaugeMetricFamily("dialer_calls", "Open attempts by state", labels=["state"])
    for state in OPEN:
        metric.add_metric([state.value.lower()], found.get(state.value, 0))
    return metric


def _ports(now: datetime) -> Iterator[Metric]:
    enabled = DialerPort.objects.filter(enabled=True).count()
    yield GaugeMetricFamily("dialer_ports_enabled", "Dialer ports that are enabled", enabled)
    registered = ports.registered(now).count()
    yield GaugeMetricFamily("dialer_ports_registered", "Dialer ports that are registered", registered)


def _leaks(now: datetime) -> Metric:
    metric = GaugeMetricFamily("dialer_leaks", "What is held and should not be; 0 at rest", labels=["kind"])
    for kind, value in leak_counters(now).items():
        metric.add_metric([kind], value)
    return metric


def leak_counters(now: datetime) -> dict[str, int]:
    """Of the tables, and of the processes that have reported lately."""
    found = reconcile.leaks(now)
    counters = {field: getattr(found, field) for field in found.__dataclass_fields__}
    for name in ("dialogs_without_attempt", "sockets_without_call", "reservations_without_attempt"):
        counters[name] = 0
    for report in ProcessReport.objects.filter(reported_at__gte=now - reports.FRESH):
        for name, value in report.numbers.items():
            if name in counters:
                counters[name] += int(value)
    return counters


def _processes(now: datetime) -> Iterator[Metric]:
    """One gauge for each number that processes tell, with the process as label; silent processes are left out."""
    gauges: dict[str, GaugeMetricFamily] = {}
    for report in ProcessReport.objects.filter(reported_at__gte=now - reports.FRESH).order_by("name"):
        for number, value in report.numbers.items():
            name = f"dialer_process_{number}"
            gauge = gauges.setdefault(
                name,
                GaugeMetricFamily(
                    name, f"{number.replace('_', ' ')} of a process", labels=["kind", "process"]
                ),
            )
            gauge.add_metric([report.kind, report.name.partition(" ")[2]], value)
    yield from gauges.values()


def _tallies() -> dict[str, dict[str, float]]:
    counts: dict[str, dict[str, float]] = defaultdict(dict)
    for name, label, value in Tally.objects.values_list("name", "label", "value"):
        counts[name][label] = value
    return counts


def _counter(name: str, about: str, counts: dict[str, float]) -> Metric:
    return CounterMetricFamily(f"dialer_{name}", about, counts.get("", 0))


def _by_label(
    name: str, about: str, label: str, counts: dict[str, float], always: list[str] | None = None
) -> Metric:
    metric = CounterMetricFamily(f"dialer_{name}", about, labels=[label])
    for value in sorted({*counts, *(always or [])}):
        metric.add_metric([value.lower()], counts.get(value, 0))
    return metric


def _promptness(counts: dict[str, float]) -> Metric:
    buckets = [(str(limit / 1000), counts.get(str(limit), 0)) for limit in tallies.PROMPTNESS_MS]
    buckets.append(("+Inf", counts.get("count", 0)))
    return HistogramMetricFamily(
        "dialer_agent_free_to_invite_seconds",
        "From the contact centre's word that an agent is free to the INVITE of the call for them",
        buckets=buckets,
        sum_value=counts.get("sum", 0) / 1000,
    )
