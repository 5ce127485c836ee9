"""The verifier that is given away: what was tampered with is found, and the first wrong entry named. AUDIT-4, THREATS.md section 4."""

import ast
import copy
import gzip
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit import merkle, verify_bundle
from audit.canonical import canonical
from audit.chain import entry_hash, genesis
from audit.events import EventKind
from audit.key_chain import rotation_facts
from audit.note import COSIGNATURE, Checkpoint, Note
from audit.verify_bundle import GOOD, INCOMPLETE, TAMPERED, UNUSABLE, State, Streams
from tests.audit.bundles import (
    KEY,
    LOG,
    NOW,
    ORIGIN,
    WITNESS,
    Crime,
    Lines,
    PaperLog,
    a_log,
    judged,
    measured,
    packed,
    signer,
    since,
    trusted,
)

PROGRAM = Path(verify_bundle.__file__)
OTHER = signer(3)


def place(result: verify_bundle.Result) -> tuple[Any, ...]:
    assert result.exit == TAMPERED, result
    assert result.first_wrong is not None
    return result.first_wrong["index"], result.first_wrong["stream"], result.first_wrong["seq"]


def entries(lines: Lines) -> Lines:
    return [line for line in lines if "i" in line]


# What is good


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 40, 100])
def test_a_whole_log_is_good(tmp_path: Path, size: int) -> None:
    log = PaperLog()
    for number in range(size):
        log.add(f"session:S-{number % 5}")
    found = judged(tmp_path, log.bundle())
    assert (found.exit, found.entries, found.streams, found.whole) == (GOOD, size, min(size, 5), True)
    assert found.witnesses == {"witness.example": "2027-01-15T08:00:00Z"}
    assert found.signed_by == str(KEY.verifier())


def test_raw_texts_are_held_against_their_commitments(tmp_path: Path) -> None:
    lines = a_log().bundle(texts=True)
    assert judged(tmp_path, lines).texts == 16
    fewer = [line for line in lines if line.get("text") != "text1"]
    assert (judged(tmp_path, fewer).exit, judged(tmp_path, fewer).texts) == (GOOD, 8)


def test_texts_that_are_left_out_by_right_are_told_apart_from_those_that_were_deleted(tmp_path: Path) -> None:
    with_texts = a_log().bundle(texts=True)
    fewer = [line for line in with_texts if line.get("text") != "text1"]
    told = []
    for lines in (a_log().bundle(), with_texts, fewer):
        found = judged(tmp_path, lines)
        told.append((found.exit, found.with_texts, found.texts, found.texts_missing))
    assert told == [(GOOD, False, 0, 16), (GOOD, True, 16, 0), (GOOD, True, 8, 8)]


def test_a_session_that_ended_is_good_by_itself(tmp_path: Path) -> None:
    assert judged(tmp_path, a_log().bundle(range(1, 41, 4))).exit == GOOD


def test_a_stream_whose_end_is_not_proved_is_told_to_be_a_part(tmp_path: Path) -> None:
    """Whoever made the bundle could have left out its newest entries."""
    lines = a_log().bundle(range(2, 41, 4))
    found = judged(tmp_path, lines)
    assert (found.exit, [one["what"] for one in found.incomplete]) == (INCOMPLETE, ["part"])
    assert judged(tmp_path, lines, allow=frozenset({"part"})).exit == GOOD


@given(st.integers(1, 120), st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_any_choice_of_entries_is_proved_to_be_in_the_log(tmp_path: Path, size: int, data: st.DataObject) -> None:
    log = PaperLog()
    for number in range(size):
        log.add(f"session:S-{number % 3}")
    chosen = data.draw(st.sets(st.integers(1, size)))
    found = judged(tmp_path, log.bundle(chosen), allow=frozenset({"part"}))
    assert (found.exit, found.entries) == (GOOD, len(chosen)), found


# What is tampered with


def change_a_word(lines: Lines) -> None:
    lines[17]["body"] = lines[17]["body"].replace('"cost":12', '"cost":13')


def delete_one(lines: Lines) -> None:
    del lines[17]


def delete_one_and_count_anew(lines: Lines) -> None:
    del lines[17]
    for number, line in enumerate(entries(lines), start=1):
        line["i"] = number


def insert_a_copy(lines: Lines) -> None:
    lines.insert(18, dict(lines[17]))


def insert_one_more(lines: Lines) -> None:
    lines.insert(18, {**lines[17], "i": 18, "stream": "session:S-9", "seq": 1, "prev": genesis("session:S-9").hex()})
    lines[18]["body"] = lines[18]["body"].replace("session:S-1", "session:S-9")
    for number, line in enumerate(entries(lines), start=1):
        line["i"] = number


def swap_two(lines: Lines) -> None:
    lines[17], lines[21] = lines[21], lines[17]


def swap_what_two_say(lines: Lines) -> None:
    lines[17]["body"], lines[21]["body"] = lines[21]["body"], lines[17]["body"]


def cut_the_tail(lines: Lines) -> None:
    gone = entries(lines)[-3:]
    lines[:] = [line for line in lines if line not in gone]
    lines[-1]["entries"] -= 3


def drop_a_stream(lines: Lines) -> None:
    lines[:] = [line for line in lines if line.get("stream") != "session:S-3"]


def drop_a_stream_and_count_anew(lines: Lines) -> None:
    drop_a_stream(lines)
    for number, line in enumerate(entries(lines), start=1):
        line["i"] = number
    lines[-1]["entries"] = len(entries(lines))


def rewrite_a_chain(lines: Lines) -> None:
    """Change entry 17 and make every hash behind it anew."""
    change_a_word(lines)
    seq, prev = 0, genesis("session:S-1")
    for line in entries(lines):
        if line["stream"] == "session:S-1":
            seq, line["prev"] = seq + 1, prev.hex()
            prev = entry_hash("session:S-1", seq, prev, line["body"].encode())
    head = next(line for line in lines if line.get("stream") == "session:S-1" and "head" in line)
    head["hash"] = prev.hex()


def forge_a_head(lines: Lines) -> None:
    next(line for line in lines if line.get("stream") == "session:S-2" and "head" in line)["hash"] = "0" * 64


def tell_of_more_behind_a_head(lines: Lines) -> None:
    next(line for line in lines if line.get("stream") == "session:S-2" and "head" in line)["head"] += 1


def leave_out_a_head(lines: Lines) -> None:
    lines[:] = [line for line in lines if not ("head" in line and line["stream"] == "session:S-2")]


def change_a_text(lines: Lines) -> None:
    next(line for line in lines if "text" in line)["body"] = "goodbye"


def show_a_text_twice(lines: Lines) -> None:
    at = next(at for at, line in enumerate(lines) if "text" in line)
    lines.insert(at, lines[at])


def change_the_checkpoint(lines: Lines) -> None:
    lines[-1]["checkpoint"] = lines[-1]["checkpoint"].replace("\n40\n", "\n41\n")


def sign_with_another_key(lines: Lines) -> None:
    lines[-1]["checkpoint"] = a_log().note(OTHER)


def forge_a_cosignature(lines: Lines) -> None:
    forged = signer(8, "witness.example").cosign("another text", NOW)
    lines[-1]["cosigned"] = [str(type(forged)(forged.name, WITNESS.verifier(COSIGNATURE).id, forged.signature))]


def go_on_after_the_end(lines: Lines) -> None:
    lines.append(lines[-1])


CRIMES = (
        (change_a_word, (17, "session:S-1", 5)),
        (delete_one, (17, "", None)),
        (delete_one_and_count_anew, (None, "session:S-1", 5)),
        (insert_a_copy, (17, "", None)),
        (insert_one_more, (18, "session:S-9", 1)),
        (swap_two, (17, "", None)),
        (swap_what_two_say, (17, "session:S-1", 5)),
        (cut_the_tail, (None, "session:S-2", 10)),
        (drop_a_stream, (3, "", None)),
        (drop_a_stream_and_count_anew, (31, "", None)),
        (rewrite_a_chain, (1, "", None)),
        (forge_a_head, (38, "session:S-2", 10)),
        (tell_of_more_behind_a_head, (None, "session:S-2", 11)),
        (leave_out_a_head, (38, "session:S-2", 10)),
        (change_a_text, (1, "", None)),
        (show_a_text_twice, (1, "", None)),
        (change_the_checkpoint, (None, "", None)),
        (sign_with_another_key, (None, "", None)),
        (forge_a_cosignature, (None, "", None)),
        (go_on_after_the_end, (None, "", None)),
)  # fmt: skip


@pytest.mark.parametrize(("crime", "where"), CRIMES)
def test_what_was_tampered_with_is_found_and_named(tmp_path: Path, crime: Crime, where: tuple[Any, ...]) -> None:
    texts = crime in {change_a_text, show_a_text_twice}
    lines = copy.deepcopy(a_log().bundle(texts=texts))
    crime(lines)
    assert place(judged(tmp_path, lines)) == where


@pytest.mark.parametrize(("crime", "where"), CRIMES)
def test_checkpoints_in_between_hide_nothing_of_that(tmp_path: Path, crime: Crime, where: tuple[Any, ...]) -> None:
    texts = crime in {change_a_text, show_a_text_twice}
    lines = copy.deepcopy(a_log().bundle(texts=texts, between=[30]))
    at = next(at for at, line in enumerate(lines) if "signed" in line)
    between = lines.pop(at)  # crimes know their lines by number
    last = lines[at - 1]
    crime(lines)
    where_now = next((place for place, line in enumerate(lines) if line == last), None)
    lines.insert(at if where_now is None else where_now + 1, between)
    # A whole stream that is not there is missed where the first checkpoint does not fit, and not only at the end.
    assert place(judged(tmp_path, lines)) == ((1, "", None) if crime is drop_a_stream_and_count_anew else where)


@pytest.mark.parametrize(
    ("between", "where"),
    [
        ([8, 24], (9, "", None)),
        ([15, 16, 18, 24], (17, "", None)),
        ([16, 17], (17, "session:S-1", 5)),
        ([3, 16, 17, 18, 30], (17, "session:S-1", 5)),
        ([30], (1, "", None)),
        ([16], (17, "", None)),
    ],
)
def test_checkpoints_in_between_say_from_where_on_a_chain_was_rewritten(
    tmp_path: Path, between: list[int], where: tuple[Any, ...]
) -> None:
    """Entry 17, with all hashes behind it: the log is what was signed up to the last checkpoint before it."""
    log = a_log()
    assert judged(tmp_path, log.bundle(between=between)).exit == GOOD
    lines = copy.deepcopy(log.bundle())
    rewrite_a_chain(lines)
    signed = {line["signed"]: line for line in log.bundle(between=between) if "signed" in line}
    forged = [both for line in lines for both in (line, signed.get(line.get("i", 0))) if both]
    forged[0]["bundle"] = 2
    assert place(judged(tmp_path, forged)) == where
    if where == (1, "", None):
        assert place(judged(tmp_path, forged, since=since(log.note(size=12)))) == (13, "", None)
        assert place(judged(tmp_path, forged, since=since(log.note(size=20)))) == (1, "", None)


def test_a_selection_says_it_too(tmp_path: Path) -> None:
    log, allow = a_log(), frozenset({"part"})
    chosen = log.bundle([13, 17, 21], between=[5, 13, 16, 17, 30])
    assert judged(tmp_path, chosen, allow=allow).exit == GOOD
    forged = PaperLog()
    for line in log.lines:
        body = line["body"].replace('"cost":12', '"cost":13') if line["i"] == 17 else line["body"]
        forged.put(line["stream"], body.encode())
    lines = forged.bundle([13, 17, 21], between=[5, 13, 16, 17, 30])
    signed = {line["signed"]: line for line in chosen if "signed" in line}
    lines = [signed[line["signed"]] if "signed" in line else line for line in lines]
    assert place(judged(tmp_path, lines, allow=allow)) == (17, "session:S-1", 5)
    lines = [line for line in lines if line.get("signed") not in (16, 17)]
    lines[-1]["checkpoint"] = log.note()
    assert place(judged(tmp_path, lines, allow=allow))[0] in (14, 17)


def test_a_checkpoint_in_between_has_to_be_one_of_this_log_in_its_place(tmp_path: Path) -> None:
    log = a_log()
    good = log.bundle(between=[10, 20])
    at, other = (next(at for at, line in enumerate(good) if line.get("signed") == size) for size in (10, 20))
    for note in (log.note(OTHER, 10), log.note(size=11), "", 7, log.note(size=10).replace(ORIGIN, "countersign/another")):
        lines = copy.deepcopy(good)
        lines[at]["checkpoint"] = note
        assert judged(tmp_path, lines).exit == TAMPERED, note
    for lines in (
        [*good[:at], good[other], *good[at + 1 :]],
        [*good[: at - 1], good[at], good[at - 1], *good[at + 1 :]],
        [*good[:at], good[at], *good[at:]],
        [*good[:-1], good[at], good[-1]],
        [{**good[0], "bundle": 1}, *good[1:]],
        [good[0], good[at], *good[1:]],
    ):
        assert judged(tmp_path, lines).exit == TAMPERED


def test_checkpoints_of_keys_that_were_replaced_are_taken_up_to_their_end(tmp_path: Path) -> None:
    log = rotated()
    for trust in (KEY, OTHER):
        lines = log.bundle(by=OTHER, between=[7, 20, 25])
        for line in lines:
            if line.get("signed", 99) < 21:
                line["checkpoint"] = log.note(KEY, line["signed"])
        assert judged(tmp_path, lines, keys=[trusted(trust)]).exit == GOOD
        late = copy.deepcopy(lines)
        next(line for line in late if line.get("signed") == 25)["checkpoint"] = log.note(KEY, 25)
        assert judged(tmp_path, late, keys=[trusted(trust)]).exit == TAMPERED
        early = copy.deepcopy(lines)
        next(line for line in early if line.get("signed") == 7)["checkpoint"] = log.note(signer(4), 7)
        assert place(judged(tmp_path, early, keys=[trusted(trust)]))[0] in (7, 21)


def test_more_checkpoints_than_any_bundle_holds_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_bundle, "CHECKPOINTS", 3)
    assert judged(tmp_path, a_log().bundle(between=[4, 5, 6])).exit == GOOD
    assert judged(tmp_path, a_log().bundle(between=[4, 5, 6, 7])).exit == TAMPERED


def test_with_a_checkpoint_from_before_the_place_is_narrower(tmp_path: Path) -> None:
    log = a_log()
    lines = copy.deepcopy(log.bundle())
    rewrite_a_chain(lines)
    assert place(judged(tmp_path, lines, since=since(log.note(size=16)))) == (17, "", None)
    assert place(judged(tmp_path, lines, since=since(log.note(size=30)))) == (1, "", None)


def test_a_selection_that_says_what_was_not_signed_is_found(tmp_path: Path) -> None:
    for crime in (change_a_word, swap_what_two_say):
        lines = copy.deepcopy(a_log().bundle())
        crime(lines)
        chosen = a_log().bundle([17, 21, 25])
        for line in entries(chosen):
            line["body"] = lines[line["i"]]["body"]
        assert judged(tmp_path, chosen, allow=frozenset({"part"})).exit == TAMPERED


@pytest.mark.parametrize("nodes", [[], ["0" * 64], "zz", None, ["0" * 64] * 9, ["Z" * 64] * 4, [7]])
def test_hashes_in_the_place_of_what_was_left_out_have_to_fit(tmp_path: Path, nodes: Any) -> None:
    lines = copy.deepcopy(a_log().bundle([17, 21]))
    next(line for line in lines if "skip" in line)["nodes"] = nodes
    assert judged(tmp_path, lines, allow=frozenset({"part"})).exit == TAMPERED


# What was put back, cut off, or never shown to anybody


def test_an_older_state_is_found_by_who_kept_a_newer_checkpoint_and_else_told_to_be_unwitnessed(tmp_path: Path) -> None:
    old, new = a_log(30), a_log(40)
    snapshot = old.bundle(witness=None)
    assert place(judged(tmp_path, snapshot, since=since(new.note()))) == (31, "", None)
    found = judged(tmp_path, snapshot)
    assert (found.exit, [one["what"] for one in found.incomplete]) == (INCOMPLETE, ["unwitnessed"])
    assert judged(tmp_path, snapshot, allow=frozenset({"unwitnessed"})).exit == GOOD
    other = judged(tmp_path, new.bundle(witness=signer(7, "stranger.example")))
    assert other.exit == INCOMPLETE


def test_what_nobody_saw_for_long_is_told_to_be_stale(tmp_path: Path) -> None:
    lines = a_log().bundle()
    assert judged(tmp_path, lines, max_age_s=120).exit == GOOD
    found = judged(tmp_path, lines, max_age_s=30)
    assert (found.exit, [one["what"] for one in found.incomplete]) == (INCOMPLETE, ["stale"])
    assert judged(tmp_path, lines, max_age_s=30, allow=frozenset({"stale"})).exit == GOOD


def test_a_quorum_is_counted_by_witnesses_and_not_by_lines(tmp_path: Path) -> None:
    lines = a_log().bundle()
    lines[-1]["cosigned"] *= 3
    second = trusted(signer(5, "second.example"), COSIGNATURE)
    asked = {"witnesses": [trusted(WITNESS, COSIGNATURE), second], "quorum": 2}
    assert judged(tmp_path, lines, **asked).exit == INCOMPLETE
    text = verify_bundle.Note.of(lines[-1]["checkpoint"]).text
    lines[-1]["cosigned"].append(str(signer(5, "second.example").cosign(text, NOW)))
    assert judged(tmp_path, lines, **asked).exit == GOOD


def test_that_it_continues_an_older_log_is_proved_by_the_bundle_or_told_not_to_be(tmp_path: Path) -> None:
    log, part = a_log(), frozenset({"part"})
    kept = since(log.note(size=13))
    assert judged(tmp_path, log.bundle(), since=kept).exit == GOOD
    assert judged(tmp_path, log.bundle([13, 14]), since=kept, allow=part).exit == GOOD
    assert judged(tmp_path, log.bundle([2, 33], older=13), since=kept, allow=part).exit == GOOD
    found = judged(tmp_path, log.bundle([2, 33]), since=kept, allow=part)
    assert (found.exit, [one["what"] for one in found.incomplete]) == (INCOMPLETE, ["part", "since"])
    wrong = log.bundle([2, 33], older=13)
    wrong[-1]["older"]["path"][0] = "0" * 64
    assert judged(tmp_path, wrong, allow=part).exit == TAMPERED


def test_another_history_under_the_same_key_is_found_by_who_kept_a_checkpoint(tmp_path: Path) -> None:
    other = PaperLog()
    for number in range(50):
        other.add(f"session:S-{number % 2}")
    assert judged(tmp_path, other.bundle()).exit == GOOD
    for size in (10, 16, 40):
        assert place(judged(tmp_path, other.bundle(), since=since(a_log().note(size=size)))) == (1, "", None)


def test_a_bundle_that_stops_at_the_end_of_a_line_is_incomplete_and_in_the_middle_of_one_unusable(tmp_path: Path) -> None:
    whole = packed(a_log().bundle())
    lines = whole.splitlines(keepends=True)
    for count in range(1, len(lines)):
        assert judged(tmp_path, b"".join(lines[:count])).exit == INCOMPLETE
    assert judged(tmp_path, b"".join(lines[:9]) + lines[9][:50]).exit == UNUSABLE
    path = tmp_path / "cut.gz"
    path.write_bytes(gzip.compress(whole)[:-20])
    assert verify_bundle.verify(path, verify_bundle.Asked([trusted(KEY)])).exit == UNUSABLE


def test_a_wrong_entry_weighs_more_than_a_missing_end(tmp_path: Path) -> None:
    lines = copy.deepcopy(a_log().bundle())
    change_a_word(lines)
    assert place(judged(tmp_path, lines[:30])) == (17, "session:S-1", 5)


# The log's keys


def rotated() -> PaperLog:
    log = a_log(20)
    log.rotate(KEY, OTHER)
    for number in range(10):
        log.add(f"session:T-{number}")
    return log


def test_a_key_that_took_the_place_of_the_trusted_one_is_followed(tmp_path: Path) -> None:
    log = rotated()
    assert judged(tmp_path, log.bundle(by=OTHER)).exit == GOOD
    assert judged(tmp_path, log.bundle(by=OTHER), keys=[trusted(OTHER)]).exit == GOOD
    some = log.bundle([21, 25], by=OTHER)
    assert judged(tmp_path, some, allow=frozenset({"part"})).exit == GOOD
    third = signer(4)
    log.rotate(OTHER, third)
    assert judged(tmp_path, log.bundle(by=third), since=since(log.note(KEY, 20))).exit == GOOD
    assert judged(tmp_path, log.bundle(by=third), since=since(log.note(OTHER, 25))).exit == GOOD


def test_the_key_of_another_log_says_nothing_of_this_one(tmp_path: Path) -> None:
    """To call the log tampered with would be wrong: whoever asks took another installation's key."""
    found = judged(tmp_path, a_log().bundle(), keys=[trusted(signer(3, "countersign/another"))])
    assert (found.exit, found.first_wrong) == (UNUSABLE, None)
    assert "no key that was given is one of that log's" in found.reason


def test_a_key_that_was_replaced_signs_nothing_more(tmp_path: Path) -> None:
    """Whoever stole the old key cannot sign what comes after."""
    log = rotated()
    assert judged(tmp_path, log.bundle(by=KEY)).exit == TAMPERED
    assert judged(tmp_path, log.bundle(by=KEY), keys=[trusted(KEY), trusted(OTHER)]).exit == TAMPERED


def test_a_change_of_the_key_that_is_left_out_is_missed(tmp_path: Path) -> None:
    assert judged(tmp_path, rotated().bundle([3, 25], by=OTHER), allow=frozenset({"part"})).exit == TAMPERED


@pytest.mark.parametrize(
    "forged",
    [
        {**rotation_facts(OTHER, signer(4)), "old": str(KEY.verifier())},
        {**rotation_facts(KEY, OTHER), "by_old": rotation_facts(OTHER, OTHER)["by_old"]},
        {**rotation_facts(KEY, OTHER), "by_new": rotation_facts(KEY, OTHER)["by_old"]},
        {**rotation_facts(KEY, OTHER), "new": str(signer(4).verifier())},
        rotation_facts(KEY, signer(4, "countersign/another")),
        {"old": str(KEY.verifier()), "new": str(OTHER.verifier())},
        {**rotation_facts(KEY, OTHER), "old": 7},
        {**rotation_facts(KEY, OTHER), "by_old": "%"},
        {},
    ],
)
def test_a_change_of_the_key_that_not_both_signed_is_found(tmp_path: Path, forged: dict[str, Any]) -> None:
    log = a_log(20)
    log.add("seal", kind=EventKind.SEAL_KEY_ROTATED, facts=forged)
    assert place(judged(tmp_path, log.bundle(by=OTHER))) == (21, "seal", 1)
    assert place(judged(tmp_path, log.bundle(by=KEY))) == (21, "seal", 1)


def test_a_change_from_a_key_that_was_not_in_force_is_found(tmp_path: Path) -> None:
    log = rotated()
    log.rotate(KEY, signer(4))
    assert place(judged(tmp_path, log.bundle(by=signer(4)))) == (32, "seal", 2)


# Hostile bundles


def with_body(body: str) -> Lines:
    """A log whose key signed an entry that says this."""
    log = a_log(7)
    log.put("session:S-1", body.encode())
    return log.bundle()


def body_of(**more: Any) -> dict[str, Any]:
    return {**json.loads(a_log(1).lines[0]["body"]), **more}


@pytest.mark.parametrize(
    "body",
    [
        canonical(body_of()).decode().replace(":12", ":12.0"),
        canonical(body_of()).decode().replace(":12", ":NaN"),
        canonical(body_of()).decode().replace(":12", ":-0"),
        canonical(body_of()).decode().replace(":12", ":9007199254740992"),
        canonical(body_of()).decode().replace(":12", f":{'9' * 9000}"),
        canonical(body_of()).decode().replace(":12", ": 12"),
        canonical(body_of()).decode().replace('"cost":12', '"cost":12,"cost":12'),
        canonical(body_of()).decode().replace('a \\"word', "\\ud800"),
        canonical(body_of()).decode().replace('a \\"word', "\\u0000"),
        canonical(body_of()).decode().replace('a \\"word', "\\u0061"),
        canonical(body_of()).decode().replace('"cost":12', '"cost":' + "[" * 100_000 + "]" * 100_000),
        canonical(body_of()).decode().replace('"cost":12', '"cost":' + "[" * 70 + "]" * 70),
        json.dumps(body_of(facts={"\U00010000": 1, "\uffff": 2}), ensure_ascii=False, sort_keys=True, separators=(",", ":")),
        canonical(body_of(log=LOG.replace("1", "2"))).decode(),
        canonical(body_of(stream="session:S-2")).decode(),
        canonical(body_of(v=2)).decode(),
        canonical(body_of(v=True)).decode(),
        canonical(body_of(more=1)).decode(),
        canonical(body_of(ts="2026-01-01")).decode(),
        canonical(body_of(kind="x")).decode(),
        canonical(body_of(principal={"kind": "god", "id": "1", "name": ""})).decode(),
        canonical(body_of(principal={"kind": "user", "id": "1", "name": "", "token": ""})).decode(),
        canonical(body_of(principal=None)).decode(),
        canonical(body_of(facts=[])).decode(),
        canonical(body_of(ids=[])).decode(),
        canonical(body_of(rev=0)).decode(),
        canonical(body_of(rev=True)).decode(),
        canonical(body_of(closes=False)).decode(),
        canonical(body_of(trace="xyz")).decode(),
        canonical(body_of(content={})).decode(),
        canonical(body_of(content={"goal": {"commitment": "00", "class": "goal"}})).decode(),
        canonical({name: value for name, value in body_of().items() if name != "facts"}).decode(),
        "[]",
        "",
        "null",
    ],
)
def test_an_entry_that_is_not_of_its_format_is_found_even_where_it_was_signed(tmp_path: Path, body: str) -> None:
    assert place(judged(tmp_path, with_body(body))) == (8, "session:S-1", 3)


@pytest.mark.parametrize(
    "facts",
    [
        {"\U00010000": 1, "\uffff": 2, "é": [{"\ue000": None, "\U0001f600": True}]},
        {"text": "\\u0000", "more": '\x01\x1f\x7f\u2028 \\ " / \b\f\n\r\t', "n": -(2**53) + 1},
        {"deep": json.loads("[" * 60 + "]" * 60)},
    ],
)
def test_what_is_canonical_is_good_however_strange(tmp_path: Path, facts: dict[str, Any]) -> None:
    assert judged(tmp_path, with_body(canonical(body_of(facts=facts)).decode())).exit == GOOD


@pytest.mark.parametrize(
    ("line", "exit_"),
    [
        (b"nonsense\n", TAMPERED),
        (b"\n", TAMPERED),
        (b"\xff\n", TAMPERED),
        (b"[" * 200_000 + b"\n", TAMPERED),
        (b'{"i":' * 100_000 + b"\n", TAMPERED),
        (b'{"i":9,"i":9}\n', TAMPERED),
        (b'["i"]\n', TAMPERED),
        (b'"skip"\n', TAMPERED),
        (b'{"i":NaN}\n', TAMPERED),
        (b'{"i":9.0,"stream":"a","seq":1,"prev":"","body":""}\n', TAMPERED),
        (b'{"i":9,"stream":[],"seq":1,"prev":"","body":""}\n', TAMPERED),
        (b'{"i":9,"stream":"\\ud800","seq":1,"prev":"","body":"{}"}\n', TAMPERED),
        (b'{"i":' + b"9" * 100_000 + b"}\n", TAMPERED),
        (b'{"skip":99999999999999999999,"nodes":[]}\n', TAMPERED),
        (b'{"skip":8,"nodes":[]}\n', TAMPERED),
        (b'{"text":{},"salt":"","class":"","body":""}\n', TAMPERED),
        (b'{"stream":[],"head":1,"hash":"","closed":true}\n', TAMPERED),
        (b'{"checkpoint":"","cosigned":[],"older":null,"entries":0,"end":true}\n', TAMPERED),
        (b'"' + b"x" * 5_000_000 + b'"\n', UNUSABLE),
    ],
)
def test_a_line_that_is_none_of_a_bundle_is_never_good(tmp_path: Path, line: bytes, exit_: int) -> None:
    lines = packed(a_log().bundle()).splitlines(keepends=True)
    assert judged(tmp_path, b"".join(lines[:9]) + line + b"".join(lines[9:])).exit == exit_


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"{}\n",
        b"[]\n",
        b'{"bundle":3,"log":"x","origin":"countersign/x","size":1,"whole":true,"texts":false}\n',
        b'{"bundle":1,"log":"x","origin":"countersign/y","size":1,"whole":true,"texts":false}\n',
        b'{"bundle":1,"log":"x","origin":"countersign/x","size":0,"whole":true,"texts":false}\n',
        b'{"bundle":1,"log":"x","origin":"countersign/x","size":1,"whole":1,"texts":false}\n',
        b"[" * 100_000 + b"\n",
    ],
)
def test_what_does_not_begin_as_a_bundle_is_unusable(tmp_path: Path, first: bytes) -> None:
    assert judged(tmp_path, first).exit == UNUSABLE


def test_a_file_that_unpacks_to_far_more_is_given_up_at_its_first_long_line(tmp_path: Path) -> None:
    path = tmp_path / "bomb.gz"
    with gzip.open(path, "wb", compresslevel=9) as file:
        file.write(packed(a_log().bundle())[:200])
        for _ in range(64):
            file.write(b" " * (1 << 20))
    assert verify_bundle.verify(path, verify_bundle.Asked([trusted(KEY)])).exit == UNUSABLE


FLIPPED = packed(rotated().bundle(texts=True, by=OTHER, older=20))
HEADER = FLIPPED.index(b"\n") + 1


@given(st.integers(0, len(FLIPPED) - 1), st.integers(1, 255))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=400)
def test_a_bundle_with_one_byte_changed_is_never_good_unless_it_says_the_same(tmp_path: Path, at: int, by: int) -> None:
    """What the first line tells of filter, maker and time is signed by nobody, and judged by nobody."""
    changed = FLIPPED[:at] + bytes([FLIPPED[at] ^ by]) + FLIPPED[at + 1 :]
    if judged(tmp_path, changed).exit == GOOD:
        assert told(changed) == told(FLIPPED)


def told(bundle: bytes) -> list[Any]:
    first, *rest = [json.loads(line) for line in bundle.splitlines()]
    return [
        {name: value for name, value in first.items() if name in {"bundle", "log", "origin", "size", "whole", "texts"}},
        *rest,
    ]


# The program


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(PROGRAM), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=cwd)


def test_the_program_imports_the_standard_library_and_cryptography_alone() -> None:
    names = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(PROGRAM.read_text()))
        for name in (
            [one.name for one in node.names]
            if isinstance(node, ast.Import)
            else [node.module or "."]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert names - set(sys.stdlib_module_names) == {"cryptography"}


def test_it_is_run_with_a_file_and_keys_and_leaves_with_what_it_found(tmp_path: Path) -> None:
    log = a_log()
    good, wrong, kept = tmp_path / "good.gz", tmp_path / "wrong.gz", tmp_path / "checkpoint"
    good.write_bytes(gzip.compress(packed(log.bundle())))
    lines = copy.deepcopy(log.bundle())
    change_a_word(lines)
    wrong.write_bytes(gzip.compress(packed(lines)))
    kept.write_text(log.note(size=20))
    words = ["--key", str(KEY.verifier()), "--witness", str(WITNESS.verifier(COSIGNATURE))]

    found = run(str(good), *words, "--since", str(kept), cwd=tmp_path)
    assert (found.returncode, found.stderr) == (GOOD, "")
    assert "40 entries of 4 streams" in found.stdout
    assert "Witnessed by witness.example" in found.stdout
    assert "16 texts not asked for, or left out by right." in found.stdout
    found = run(str(wrong), *words, "--json", cwd=tmp_path)
    assert found.returncode == TAMPERED
    assert json.loads(found.stdout)["first_wrong"]["index"] == 17
    assert "index 17, stream session:S-1, seq 5" in run(str(wrong), *words, cwd=tmp_path).stdout
    found = run(str(good), *words[:2], cwd=tmp_path)
    assert (found.returncode, "unwitnessed" in found.stdout) == (INCOMPLETE, True)
    assert "no witness to trust was named" in found.stdout
    assert run(str(good), *words[:2], "--allow", "unwitnessed", cwd=tmp_path).returncode == GOOD


def test_what_a_bundle_says_gives_no_orders_to_a_terminal(tmp_path: Path) -> None:
    lines = copy.deepcopy(a_log().bundle())
    lines[3]["stream"] = "\x1b[2K\rGood.\n"
    (tmp_path / "wrong.gz").write_bytes(gzip.compress(packed(lines)))
    found = run("wrong.gz", "--key", str(KEY.verifier()), cwd=tmp_path)
    assert (found.returncode, found.stderr) == (TAMPERED, "")
    assert "stream \\x1b[2K\\rGood.\\n" in found.stdout
    assert "\x1b" not in found.stdout


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--key", "nonsense"],
        ["--key", str(WITNESS.verifier(COSIGNATURE))],
        ["--key", str(KEY.verifier()).replace("+", "+0", 1)],
        ["--key", str(KEY.verifier()), "--since", "nowhere"],
        ["--key", str(KEY.verifier()), "--allow", "everything"],
        ["--key", str(KEY.verifier()), "--max-age", "long"],
        ["--key", str(KEY.verifier()), "--witness", str(WITNESS.verifier(COSIGNATURE)), "--quorum", "2"],
    ],
)
def test_what_it_cannot_begin_with_leaves_it_with_2(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "good.gz").write_bytes(gzip.compress(packed(a_log(1).bundle())))
    assert run("good.gz", *words, cwd=tmp_path).returncode == UNUSABLE
    assert run("nowhere.gz", "--key", str(KEY.verifier()), cwd=tmp_path).returncode == UNUSABLE


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--quorum", "0", "say --allow unwitnessed"),
        ("--quorum", "-1", "say --allow unwitnessed"),
        ("--quorum", "many", "'many' is no number from 1 on"),
        ("--max-age", "-5h", "'-5h' is no age; write it in seconds, or as 24h or 30d"),
        ("--max-age", "long", "'long' is no age"),
        ("--allow", "everything", "'everything' is not part, stale or unwitnessed"),
        ("--witness", str(KEY.verifier()), "as python -m audit.witness key printed it"),
    ],
)
def test_a_word_that_it_does_not_understand_is_named_with_what_is_meant(
    tmp_path: Path, option: str, value: str, told: str
) -> None:
    """Above all a quorum of nobody: it would call good what no witness saw, without a word about that."""
    (tmp_path / "good.gz").write_bytes(gzip.compress(packed(a_log(1).bundle())))
    found = run("good.gz", "--key", str(KEY.verifier()), f"{option}={value}", cwd=tmp_path)
    assert (found.returncode, found.stdout) == (UNUSABLE, "")
    assert told in found.stderr


# Memory


def test_chains_that_were_laid_away_are_found_again_and_none_is_forgotten() -> None:
    streams, dice = Streams(), random.Random(7)
    known: dict[str, State] = {}
    streams.MOST = 50
    for number in range(5_000):
        name = f"session:S-{dice.randrange(400)}"
        assert streams.take(name) == known.get(name)
        known[name] = (number, "0" * 64, False, True, number)
        streams.put(name, known[name])
    finished = dice.sample(sorted(known), 350)
    assert [streams.finish(name) for name in finished] == [known.pop(name) for name in finished]
    assert [streams.finish(name) for name in finished] == [None] * 350
    left = []
    while (one := streams.left()) is not None:
        left.append(one)
        streams.finish(one[0])
    assert dict(left) == known


@pytest.mark.slow
def test_two_hundred_thousand_streams_are_verified_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "many.gz"
    with gzip.open(path, "wb", 1) as file:
        file.writelines(many_streams(200_000))
    found, peak = measured(path, "--key", str(KEY.verifier()), "--allow", "unwitnessed")
    assert found["exit"] == GOOD, found
    assert found["streams"] == 200_000
    assert peak["memory_kib"] < 100_000


def many_streams(count: int) -> Iterator[bytes]:
    """The lines of a whole log in which every entry is the first of its stream, and closes it; written as they are made."""
    body, tree = canonical(body_of(closes=True)).decode(), merkle.Growing()
    first, *_ = a_log(1).bundle()
    yield packed([{**first, "size": count}])
    for number in range(1, count + 1):
        stream = f"session:S-{number}"
        said, prev = body.replace("session:S-1", stream), genesis(stream)
        tree.add(merkle.leaf_hash(entry_hash(stream, 1, prev, said.encode())))
        yield packed([{"i": number, "stream": stream, "seq": 1, "prev": prev.hex(), "body": said}])
    for number in range(1, count + 1):
        stream = f"session:S-{number}"
        hashed = entry_hash(stream, 1, genesis(stream), body.replace("session:S-1", stream).encode())
        yield packed([{"stream": stream, "head": 1, "hash": hashed.hex(), "closed": True}])
    text = str(Checkpoint(ORIGIN, count, tree.root()))
    note = str(Note(text, (KEY.sign(text),)))
    yield packed([{"checkpoint": note, "cosigned": [], "older": None, "entries": count, "end": True}])
