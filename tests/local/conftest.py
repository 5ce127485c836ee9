"""A data folder that the database's OS user can reach, which pytest's own temporary folders are not for root's."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server import temporary


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A temporary folder that may be passed through, removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="countersign-", dir=temporary()))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)
