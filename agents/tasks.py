"""What django-q2 calls: the drain, runs of suites, re-runs, the judge, verification, agreement, exports, and the minute sweep.

Each may run twice.
"""

import asyncio
import os
import signal
from pathlib import Path

import structlog
from django.conf import settings
from django.db import connections

from agents.agreement import runs as agreement
from agents.evals.work import is_open, work_open
from agents.gate.sweep import sweep as sweep_now
from agents.grading.judging import is_open as judging_is_open
from agents.grading.judging import judge_open
from agents.grading.sampling import beat
from agents.llm.openai import OpenAIProvider
from agents.queue import agree_soon, evaluate_soon, export_soon, top_up, verify_soon
from agents.reruns import work as reruns
from agents.tools import registry
from agents.worker import Worker
from audit import lag as seal_lag
from audit.actors import SYSTEM
from audit.exports import work as exporting
from audit.exports.exports import sweep as sweep_exports
from audit.retention.sweep import sweep as delete_due
from audit.verifications import begin_due, work

log = structlog.get_logger(__name__)
DRAIN_S = 60.0
VERIFY_S = 20.0
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
    moved = sweep_now()
    if is_open() or reruns.is_open() or judging_is_open():
        evaluate_soon()
    seal_lag.watch(settings.SEAL_LATE_S)
    if begin_due(every_s=settings.AUDIT_VERIFY_EVERY_S, whole_every_s=settings.AUDIT_VERIFY_WHOLE_EVERY_S):
        verify_soon()
    if agreement.is_due():
        agree_soon()
    if exporting.is_open():
        export_soon()
    return moved + beat() + delete_due() + sweep_exports(SYSTEM)


def verify() -> None:
    """Go on with the verification of the log that is open, for a while; what is left is the next task's."""
    if Path(os.environ.get(STOP_FILE, os.devnull + "/none")).exists():
        return
    connections.close_all()  # nothing inherited over the fork
    if work(seconds=VERIFY_S):
        verify_soon()


def agree() -> None:
    """Hold the rows against the log for a while; what is left is the next task's."""
    if Path(os.environ.get(STOP_FILE, os.devnull + "/none")).exists():
        return
    connections.close_all()  # nothing inherited over the fork
    if agreement.run_a_part():
        agree_soon()


def evaluate() -> None:
    """Play re-runs and runs of suites that are open, and have the judge grade, for a while; what is left is the next task's."""
    if Path(os.environ.get(STOP_FILE, os.devnull + "/none")).exists():
        return
    connections.close_all()  # nothing inherited over the fork
    registry.load()
    # Re-runs go first: somebody waits for one, and it is short. Where they took their time, the next task has the rest.
    if reruns.work_open(provider) or work_open(provider) or judge_open(provider):
        evaluate_soon()


def export() -> None:
    """Make exports that were asked for, for a while; what is left is the next task's."""
    if Path(os.environ.get(STOP_FILE, os.devnull + "/none")).exists():
        return
    connections.close_all()  # nothing inherited over the fork
    if exporting.work_open():
        export_soon()


def provider() -> OpenAIProvider:
    """The configured model provider."""
    return OpenAIProvider(settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY, use_aiohttp=settings.OPENAI_AIOHTTP)
