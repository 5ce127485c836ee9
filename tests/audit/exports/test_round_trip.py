"""A bundle that was exported is verified by the one file that a stranger has, and one that was touched is not."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from audit.entry import Text
from audit.ids import uuid7
from audit.note import Signer
from audit.queries import EntryFilter
from audit.services import record
from tests.audit.conftest import REMY, entry
from tests.audit.exports.conftest import ALL, ask, made
from tests.audit.exports.test_bundle import SMALL
from tests.server import ROOT

GOOD, TAMPERED, UNUSABLE = 0, 1, 2


def verified(file: Path, signer: Signer) -> subprocess.CompletedProcess[str]:
    """What the verifier says of a bundle; without a witness, and with parts of streams, it is told that this is known."""
    words = [sys.executable, "-I", str(ROOT / "audit" / "verify_bundle.py"), str(file), "--key", str(signer.verifier())]
    return subprocess.run([*words, "--allow", "part,unwitnessed"], capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.parametrize(
    "where", [ALL, EntryFilter(principal="user:7"), EntryFilter(stream="session:S-3")], ids=["all", "few", "one"]
)
@pytest.mark.parametrize("texts", [False, True])
def test_what_is_exported_verifies_elsewhere(signer: Signer, tmp_path: Path, where: EntryFilter, texts: bool) -> None:
    """AUDIT-4."""
    goal = Text(uuid7(), "goal", "Hear „this“\n\x1b[31m 🙂")
    record(
        [
            entry("session:S-3", texts=(goal,)),
            *(entry(f"session:S-{n % 5}") for n in range(300)),
            entry("session:S-8", actor=REMY),
        ]
    )
    file = tmp_path / "log.jsonl.gz"
    file.write_bytes(made(signer, ask(where, texts=texts), pace=SMALL)[1])
    told = verified(file, signer)
    assert told.returncode == GOOD, told.stdout + told.stderr


def test_a_second_bundle_verifies_with_the_proof_of_the_first(signer: Signer, tmp_path: Path) -> None:
    record([entry() for _ in range(30)])
    made(signer, ask())
    record([entry() for _ in range(300)])
    file = tmp_path / "log.jsonl.gz"
    file.write_bytes(made(signer, ask())[1])
    assert verified(file, signer).returncode == GOOD


def test_a_changed_letter_is_found(signer: Signer, tmp_path: Path) -> None:
    record([entry(f"session:S-{n % 5}", facts={"n": n}) for n in range(50)])
    lines = gzip.decompress(made(signer, ask())[1]).decode().splitlines()
    said = json.loads(lines[20])
    said["body"] = said["body"].replace('"n":', '"m":')
    file = tmp_path / "log.jsonl.gz"
    file.write_bytes(gzip.compress("\n".join([*lines[:20], json.dumps(said), *lines[21:], ""]).encode()))
    told = verified(file, signer)
    assert told.returncode == TAMPERED, told.stdout + told.stderr
