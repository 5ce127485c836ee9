"""CPU and memory of process trees, read from /proc: what the kernel counted, children that ended included."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def tree(root: int) -> list[int]:
    """The process and all its living descendants."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = int(_stat(int(folder.name))[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            children.setdefault(parent, []).append(int(folder.name))
    found, new = [], [root]
    while new:
        found += new
        new = [child for parent in new for child in children.get(parent, [])]
    return found


def cpu_s(root: int) -> float:
    """CPU seconds of a tree so far: user and system, with those of waited-for children that ended."""
    total = 0.0
    for pid in tree(root):
        try:
            fields = _stat(pid)
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += sum(int(value) for value in fields[11:15])
    return total / _TICKS


def give_way(root: int, nice: int) -> None:
    """Let the descendants of a process that have a session of their own give way to everything else.

    Chromium has one, and sets its own niceness; where the kernel groups tasks by session that counts within the group alone,
    so that the group is given one too (sched(7), "The autogroup feature").
    """
    for pid in tree(root)[1:]:
        try:
            if os.getsid(pid) == os.getsid(0):
                continue
            os.setpriority(os.PRIO_PROCESS, pid, nice)
            if (group := Path(f"/proc/{pid}/autogroup")).exists():
                group.write_text(str(nice), encoding="ascii")
        except (FileNotFoundError, ProcessLookupError):
            continue


def memory_kib(root: int) -> tuple[int, int]:
    """Resident memory of a tree: what its processes hold themselves, and the shared memory that they have touched."""
    own = shared = 0
    for pid in tree(root):
        try:
            lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue
        sizes = {
            name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines) if name.startswith("Rss")
        }
        own += sizes.get("RssAnon", 0) + sizes.get("RssFile", 0)
        shared += sizes.get("RssShmem", 0)
    return own, shared


def _stat(pid: int) -> list[str]:
    text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    return text.rpartition(")")[2].split()
