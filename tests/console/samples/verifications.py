"""Sample contexts of the pages of verification."""

from audit.alike import Range
from audit.cosignatures import Witnessed
from audit.lag import Sealed
from audit.models import VerificationRun
from console.reach.alarm_targets import Target
from tests.console.samples.frame import NOW, Context, ago, frame

BAD = {"stream": "session:S-88123", "seq": 7, "log_index": 48_101, "reason": "its bytes or its place were changed"}


def finding() -> VerificationRun:
    """Give what verification found and nobody has answered."""
    return VerificationRun(id=4, what="whole", ok=False, first_bad=BAD, evidence={"entries": []})


def verification() -> Context:
    """Give the page of verifications: one that runs, one that found something, one of a stream."""
    run = {"n": 7, "url": "#", "title": "The whole log", "what": "whole", "stream": "", "since": 0, "checked": 48_213, "ok": None,
           "began_at": ago(60), "ended_at": None, "percent": 40, "milliseconds": 900, "by": "Audrey Auditor"}  # fmt: skip
    rows = [run, {**run, "n": 6, "ok": False, "ended_at": NOW, "acknowledged_at": NOW},
            {**run, "n": 5, "ok": True, "ended_at": NOW, "title": "session:S-1", "stream": "session:S-1", "since": 12}]  # fmt: skip
    good = VerificationRun(id=5, what="whole", upto=48_000, ended_at=NOW)
    return frame("audit", rows=rows, older="#", newer="", may=True, problem="There is no stream.", typed={"stream": "x", "since": ""},
                 good=good, whole=good, signed=Sealed(48_000, NOW, 48_213, 75.0), late=True, open=True,
                 witnessed=Witnessed(47_900, "witness.example.org", NOW), alarms=[
                     Target("pager.example.org", "delivered", "alarm.seal_late", NOW, 1), Target("new.example.org"),
                     Target("chat.example.org", "given_up", "alarm.log_forked", NOW, 12, "The receiver answered 500."),
                     Target("slow.example.org", "trying", "alarm.log_forked", NOW, 2, "slow.example.org cannot be reached.")])  # fmt: skip


def verification_run(ok: bool | None) -> Context:
    """Give one verification: under way, well, or with a finding."""
    run = {"n": 7, "title": "The whole log", "what": "whole", "stream": "", "since": 0, "checked": 48_213, "ok": ok, "began_at": ago(60),
           "ended_at": None if ok is None else NOW, "percent": 40, "by": "Audrey Auditor", "place": 20_000, "upto": 48_213,
           "remark": "The signature was not checked.", "note": "", "acknowledged_by": "", "acknowledged_at": None}  # fmt: skip
    copies = [
        {"bytes": '{"v":1}', "copy": '{"facts": {}}', "rows": [{"label": "Stored hash", "value": "9f3c" * 16, "mono": True}]}
    ]
    good = {"stream": "session:S-88123", "seq": 6, "log_index": 48_100, "hash": "e07a" * 16, "url": "#"}
    wrong = ok is False
    return frame("audit", run=run, bad={**BAD, "url": "#"} if wrong else None, copies=copies if wrong else [],
                 good_entry=good if wrong else None, may_answer=wrong,
                 covers=Range(50, 3, 48_101, 48_160) if wrong else None,
                 typed={"note": "Ours", "error": "Say more.", "problem": "Ada was faster."})  # fmt: skip
