"""Reads the product's source as trees: what a module imports, calls and assigns, and how long its functions are."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ("audit", "approvals", "agents", "console")
LONGEST_MODULE, LONGEST_FUNCTION = 300, 40
HANDED_OUT = {"audit.verify_bundle": 920}
"""Programs that are given away as one file, with ceilings of their own: whoever gets one need not have the rest."""


@dataclass(frozen=True, slots=True)
class Module:
    """One source file of the product."""

    name: str
    path: Path
    source: str
    tree: ast.Module

    def within(self, package: str) -> bool:
        """Tell whether this is the named module or lies below it."""
        return self.name == package or self.name.startswith(f"{package}.")

    def where(self, node: ast.AST) -> str:
        """Return file and line for a message."""
        return f"{self.path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"

    def imported_names(self) -> dict[str, str]:
        """Return what each local name stands for: `{"decide": "approvals.services.decide"}`."""
        names: dict[str, str] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                names |= {
                    (a.asname or a.name.split(".", 1)[0]): (a.name if a.asname else a.name.split(".", 1)[0]) for a in node.names
                }
            elif isinstance(node, ast.ImportFrom) and node.module:
                names |= {(alias.asname or alias.name): f"{node.module}.{alias.name}" for alias in node.names}
        return names

    def calls(self) -> Iterator[tuple[ast.Call, str]]:
        """Yield every call with the full name of what is called, as far as imports tell."""
        names = self.imported_names()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                dotted = _dotted(node.func)
                first, _, rest = dotted.partition(".")
                yield node, ".".join(filter(None, (names.get(first, first), rest)))

    def functions(self) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, int]]:
        """Yield every function with the length of its body in lines, its docstring not counted."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node, _length(node)


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return "?"


def _length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines of the body: a long list of parameters is not long thought."""
    has_docstring = ast.get_docstring(node) is not None
    body = node.body[1:] if has_docstring else node.body
    return (node.end_lineno or 0) - body[0].lineno + 1 if body else 0


@cache
def modules() -> tuple[Module, ...]:
    """Return every module of the product, migrations left out."""
    return tuple(
        _read(path) for floor in FLOORS for path in sorted((ROOT / floor).rglob("*.py")) if "migrations" not in path.parts
    )


def _read(path: Path) -> Module:
    source = path.read_text(encoding="utf-8")
    dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    return Module(dotted, path, source, ast.parse(source))


def oversized() -> list[str]:
    """Return the modules and functions above the ceilings of CONTRIBUTING.md, longest first."""
    found: list[tuple[int, str]] = []
    for module in modules():
        lines, ceiling = module.source.count("\n"), HANDED_OUT.get(module.name, LONGEST_MODULE)
        if lines > ceiling:
            found.append((lines, f"{module.path.relative_to(ROOT)}: {lines} lines, ceiling {ceiling}"))
        found += [
            (length, f"{module.where(node)}: {node.name} has {length} lines, ceiling {LONGEST_FUNCTION}")
            for node, length in module.functions()
            if length > LONGEST_FUNCTION
        ]
    return [line for _, line in sorted(found, reverse=True)]
