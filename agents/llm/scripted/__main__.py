"""Start the scripted model server: `python -m agents.llm.scripted --port 8001`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from aiohttp import web

from agents.llm.scripted.scenarios import SHIPPED, ScenarioError
from agents.llm.scripted.server import ScriptedModel


def main() -> int:
    """Run until SIGTERM or SIGINT; returns the exit code."""
    given = _arguments()
    folders = [SHIPPED, *([given.scenarios] if given.scenarios else [])]
    try:
        model = ScriptedModel(folders=folders, delay_s=given.delay, fault_file=given.fault_file, keep=given.keep)
    except ScenarioError as error:
        print(f"The scripted model cannot start: {error}", file=sys.stderr)
        return 2
    try:
        web.run_app(model.application(), host=given.host, port=given.port, print=None, access_log=None, shutdown_timeout=2.0)
    except OSError as error:
        print(f"The scripted model cannot listen on {given.host}:{given.port}: {error.strerror}", file=sys.stderr)
        return 2
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m agents.llm.scripted", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="port to listen on")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; loopback by default")
    parser.add_argument("--delay", type=float, default=0.0, metavar="S", help="seconds before every answer")
    parser.add_argument("--scenarios", type=Path, metavar="DIR", help="a folder with more scenarios")
    parser.add_argument("--fault-file", type=Path, metavar="FILE", help="a JSON list of faults, read when it changes")
    parser.add_argument("--keep", type=int, default=0, metavar="N", help="keep the newest N requests for GET /_requests")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
