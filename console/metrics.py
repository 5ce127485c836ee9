"""`/metrics`: what monitoring reads of this installation, in Prometheus' text format. Computed as it is asked for.

The numbers are the installation's, not this process': whichever web process answers, they come from the database, and there
is nothing that several processes would have to add up. Each floor tells its own (`audit.metric`).
"""

from collections.abc import Callable, Iterator, Sequence

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client.core import CollectorRegistry, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

import agents.metrics
import agents.recent
import approvals.metrics
import audit.metrics
from audit.errors import CountersignError
from audit.metric import MOST_MS
from audit.metric import Metric as Told
from console.api.endpoint import AccessToken, BrowserSession
from console.api.errors import problem
from console.auth import Caller, allow
from console.errors import Unauthenticated, Unavailable
from console.rights import METRICS_SCOPE, Right

PREFIX = "countersign_"
SOURCES: tuple[tuple[Right, Callable[[], Sequence[Told]]], ...] = (
    (Right.SEE, audit.metrics.metrics),
    (Right.READ_AUDIT, audit.metrics.findings),
    (Right.SEE, approvals.metrics.metrics),
    (Right.SEE, agents.metrics.metrics),
    (Right.SEE, agents.recent.metrics),
)
"""Who reads which metrics; a floor's own, in this order."""
_BOUNDED = "SELECT set_config('statement_timeout', %s, true)"
_by_token = AccessToken(Right.SEE, METRICS_SCOPE)
_by_browser = BrowserSession(Right.SEE, METRICS_SCOPE)


class Installation(Collector):
    """Reads what its caller may, once, as of one moment."""

    def __init__(self, caller: Caller) -> None:
        """Take who asks."""
        self._caller = caller

    def collect(self) -> Iterator[Metric]:
        """Yield the families in a fixed order. Raises DatabaseError where the database does not answer in time."""
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_BOUNDED, [str(MOST_MS)])
            read = [one for right, source in SOURCES if self._caller.has(right) for one in source()]
        info = GaugeMetricFamily(f"{PREFIX}info", "The version that answers; always 1.", labels=["version"])
        info.add_metric([settings.VERSION], 1)
        yield info
        for one in read:
            family = GaugeMetricFamily(PREFIX + one.name, one.says, labels=one.labels)
            for values, number in one.samples.items():
                family.add_metric(values, number)
            yield family


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with all metrics, to a token with the scope `metrics:read` or a signed-in browser; else with a problem."""
    try:
        caller = _by_token(request) or _by_browser(request)
        if caller is None:
            raise Unauthenticated
        registry = CollectorRegistry(auto_describe=False)  # nothing in it that this process alone would know
        registry.register(Installation(caller))
        return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)
    except DatabaseError:
        return problem(Unavailable())
    except CountersignError as error:
        return problem(error)


metrics = allow(metrics, Right.SEE)
