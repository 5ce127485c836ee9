"""Arithmetic by a safe evaluator. No names, no attributes, no texts; numbers are bounded before they are raised to powers."""

import ast
import math
import operator
import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from simpleeval import InvalidExpression, SimpleEval

from agents.tools.context import ToolContext
from agents.tools.errors import InvalidInput
from agents.tools.registry import tool

BITS = 2_048
DIGITS = 12
_ALLOWED = re.compile(r"[0-9A-Za-z_+\-*/%().,<>=! ]*")
_FUNCTIONS = {
    "abs": abs,
    "ceil": math.ceil,
    "exp": math.exp,
    "floor": math.floor,
    "log": math.log,
    "log10": math.log10,
    "max": max,
    "min": min,
    "round": round,
    "sqrt": math.sqrt,
}


class Calculation(BaseModel):
    """What to calculate."""

    model_config = ConfigDict(extra="forbid")
    expression: str = Field(
        min_length=1,
        max_length=400,
        description="Numbers with + - * / // % ** and abs, min, max, round, sqrt, log, exp, floor, ceil.",
    )


@tool(tier="read_only", timeout_s=5, summary="Calculate {expression}")
async def calculate(args: Calculation, context: ToolContext) -> dict[str, Any]:
    """Calculate an arithmetic expression exactly. Use it for every sum, also for easy ones."""
    return {"expression": args.expression, "result": evaluate(args.expression)}


def evaluate(expression: str) -> int | float | bool:
    """Return the value of an expression; raise InvalidInput for anything that is not plain, bounded arithmetic."""
    if not _ALLOWED.fullmatch(expression):
        raise InvalidInput("Only numbers, operators and parentheses are calculated.", hint="Write 15 % as 0.15, a power as **.")
    try:
        names = {"pi": math.pi, "e": math.e}
        return _plain(SimpleEval(operators=_OPERATORS, functions=_FUNCTIONS, names=names).eval(expression))
    except InvalidInput:
        raise
    except ZeroDivisionError:
        raise InvalidInput("It divides by zero.") from None
    except (InvalidExpression, SyntaxError, TypeError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        raise InvalidInput(f"This cannot be calculated: {error}.") from None


def _plain(result: object) -> int | float | bool:
    if isinstance(result, bool | int):
        return result if abs(result) <= 2**53 else float(result)
    if isinstance(result, float) and math.isfinite(result):
        return float(f"{result:.{DIGITS}g}")
    raise InvalidInput("The result is not a finite number.")


def _power(base: Any, exponent: Any) -> Any:
    """Refuse a power whose result would not fit, before it is worked out."""
    if abs(exponent) * math.log2(max(abs(base), 2)) > BITS:
        raise InvalidInput("The power is too large.")
    return operator.pow(base, exponent)


def _times(left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() + right.bit_length() > BITS:
        raise InvalidInput("The product is too large.")
    return operator.mul(left, right)


_OPERATORS: dict[type[ast.AST], Any] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: _times,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
