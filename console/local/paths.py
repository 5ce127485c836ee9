"""Where an installation keeps its files, and the small file by which later commands reach the running one. PURE of Django."""

import hashlib
import json
import os
import secrets
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

OWNER_ROLE = "countersign_owner"
APP_ROLE = "countersign_app"
DATABASE = "countersign"
# The longest socket path that every supported system takes is 103 bytes; PostgreSQL adds "/.s.PGSQL.5432.lock".
_LONGEST_SOCKET_FOLDER = 80


def socket_folder(cluster: Path) -> Path:
    """Return the folder of the server's socket: the cluster's own, which is private, or a short one where that is too long."""
    if len(os.fsencode(cluster)) <= _LONGEST_SOCKET_FOLDER:
        return cluster
    return Path(tempfile.gettempdir()) / f"countersign-{short_hash(cluster)}"


def short_hash(path: Path) -> str:
    """Return twelve characters that stand for a path."""
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]


def database_url(folder: Path, role: str, database: str = DATABASE) -> str:
    """Return the address of a database of the embedded server for one role."""
    return f"postgresql://{role}@/{database}?host={quote(str(folder))}"


@dataclass(frozen=True, slots=True)
class Runtime:
    """What a running installation tells the commands that come after it."""

    database_url: str = ""
    owner_url: str = ""
    public_url: str = ""
    scripted_url: str = ""
    mail_port: int = 0

    @classmethod
    def read(cls, data: Path) -> "Runtime":
        """Return what `manage.py up` wrote into the data folder; empty where nothing readable is there."""
        try:
            stored = json.loads((data / "runtime.json").read_text(encoding="utf-8"))
            return cls(**stored)
        except (OSError, ValueError, TypeError):
            return cls()

    def write(self, data: Path) -> None:
        """Store it for later commands, readable by this OS user only."""
        write_private(data / "runtime.json", json.dumps(asdict(self)))


def write_private(path: Path, text: str) -> None:
    """Write a file whole or not at all, mode 0600."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    scratch.replace(path)


def make_data_folder(data: Path) -> None:
    """Make the data folder for its owner alone; root's lets the database's OS user pass through, but not look around."""
    data.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)


def absent(data: Path) -> tuple[Path, ...]:
    """Return what of that which a start makes before anything else is not there yet, the folder last."""
    first = (data / "secret_key", data / "up.lock", data / "runtime.json", data)
    return tuple(path for path in first if not path.exists())


def secret_key(data: Path) -> str:
    """Return the installation's secret key, made at the first call; raises OSError where the folder cannot be written."""
    path = data / "secret_key"
    if not path.exists():
        make_data_folder(data)
        write_private(path, secrets.token_urlsafe(64))
    return path.read_text(encoding="utf-8").strip()
