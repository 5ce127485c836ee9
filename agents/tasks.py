"""What django-q2 calls: the drain, runs of suites, and the minute sweep. Each may run twice."""

import asyncio
import os
import signal
from pathlib import Path

import structlog
from django.conf import settings
from django.db import connections

from agents.evals.work import is_open, work_open
from agents.gate.sweep import sweep as sweep_now
from agents.llm.openai import OpenAIProvider
from agents.queue import evaluate_soon, top_up
from agents.tools import registry
from agents.worker import Worker

log = structlog.get_logger(__name__)
DRAIN_S = 60.0
STOP_FILE = "COUNTERSIGN_STOP_FILE"


def drain() -> None:
    """Run the worker loop for about a minute, then leave the place to the next drain."""
    stop = Path(os.environ.get(STOP_FILE, os.devnull + "/none"))
    if stop.exists():
        return  # one more that waited in the queue while the host is stopping
    connections.close_all()  # nothing inherited over the fork
    registry.load()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cluster = os.environ.get("COUNTERSIGN_CLUSTER", "drain")
    worker = Worker(provider(), capacity=settings.WORKER_SESSIONS, cluster=cluster)
    log.info("drain.started", owner=worker.owner)
    try:
        asyncio.run(worker.run(lifetime_s=DRAIN_S, told_to_stop=stop.exists))
    finally:
        log.info("drain.ended", owner=worker.owner)
        if not stop.exists():
            top_up(cluster, settings.WORKERS)


def sweep() -> int:
    """Do what time does; besides the workers' own sweeps, so that it is done when no worker lives."""
    if is_open():
        evaluate_soon()
    return sweep_now()


def evaluate() -> None:
    """Play runs of suites that are open, for a while; what is left then is played by the next task."""
    if Path(os.environ.get(STOP_FILE, os.devnull + "/none")).exists():
        return
    connections.close_all()  # nothing inherited over the fork
    registry.load()
    if work_open(provider):
        evaluate_soon()


def provider() -> OpenAIProvider:
    """The configured model provider."""
    return OpenAIProvider(settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY, use_aiohttp=settings.OPENAI_AIOHTTP)
