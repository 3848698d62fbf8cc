"""What a strategy's functions may not use, why, and what to write instead.

Everything here would either give other bits compiled than interpreted, give other bits on another
processor, depend on what is not in the run (clocks, hash order, the outside world), or not compile
with an error worth reading. `docs/strategies.md` lists the same table.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import NamedTuple


class Rule(NamedTuple):
    """Why something is refused, and what to write instead."""

    why: str
    instead: str


RULES: Mapping[str, Rule] = {
    "power": Rule(
        "`**` gives other bits compiled than interpreted",
        "write x * x, or `from simmm.math import power` and power(x, y)",
    ),
    "matrix": Rule("`@` sums in an order that depends on the processor", "write a loop"),
    "math": Rule("the C library's functions differ between processors", "use simmm.math"),
    "numpy": Rule(
        "NumPy's functions give other bits compiled than interpreted",
        "use simmm.math, or a loop",
    ),
    "reduction": Rule("NumPy's sums add in another order than compiled code", "write a loop"),
    "builtin": Rule("it is not the same in compiled code", "see the table of builtins"),
    "outside": Rule(
        "it is not part of simmm nor of the strategy's own files",
        "call functions of this file, of files beside it, of simmm.math or simmm.quoting",
    ),
    "time": Rule("a clock makes two runs differ", "use market.now_ns or event.ts"),
    "random": Rule(
        "its state is not part of the run",
        "use uniform(key, counter) from simmm.math with a counter in Memory",
    ),
    "collection": Rule(
        "sets and dictionaries have an order of their own in compiled code",
        "use arrays in Memory (Field(0.0, shape=(16,)))",
    ),
    "text": Rule("text is not built in compiled code", "record numbers in Memory"),
    "try": Rule("errors are not caught in compiled code", "test the condition with `if`"),
    "with": Rule("`with` means nothing in compiled code", "remove it"),
    "nested": Rule(
        "functions and classes inside a function do not compile",
        "define plain functions at the top of the file",
    ),
    "generator": Rule("generators keep hidden state", "write a loop"),
    "global": Rule(
        "compiled code keeps the value that a module's variable had when it was compiled",
        "keep what changes in Memory",
    ),
    "import": Rule("an import inside a function does not compile", "import at the top of the file"),
    "star": Rule("a star import hides where names come from", "name what is imported"),
    "identity": Rule("`is` compares places in memory", "write == or !="),
    "delete": Rule("`del` does not compile", "remove it"),
    "decorator": Rule("functions of a strategy take no decorators", "remove the decorator"),
    "arguments": Rule("* and ** arguments do not compile", "name each argument"),
    "read_only": Rule("it is not the strategy's to change", "write to memory or to wanted"),
    "whole_array": Rule("an array is not replaced as a whole", "write its elements, name[k] = x"),
    "undefined": Rule("it is not defined", "define or import it at the top of the file"),
    "unset": Rule(
        "it may have no value here, which compiled code does not notice",
        "give it one before the `if` or the loop",
    ),
    "field": Rule("there is no such field", "see docs/strategies.md"),
}

#: Builtins that are refused: what to write instead.
BUILTINS: Mapping[str, str] = {
    "sum": "write a loop",
    "pow": "use power(x, y) from simmm.math",
    "round": "use round_int(x) from simmm.math (halves away from zero)",
    "int": "use floor_int(x), ceil_int(x) or round_int(x) from simmm.math",
    "print": "mark a Memory field with recorded=True, or print while NUMBA_DISABLE_JIT=1",
    "breakpoint": "set NUMBA_DISABLE_JIT=1; then it works",
    "hash": "use chain(h, x) from simmm.math",
    "id": "compare values",
    "isinstance": "every field has one type: see its declaration",
    "type": "every field has one type: see its declaration",
    "getattr": "write record.field",
    "setattr": "write record.field = x",
    "hasattr": "write record.field",
    "set": "use arrays in Memory",
    "frozenset": "use arrays in Memory",
    "dict": "use arrays in Memory",
    "str": "record numbers in Memory",
    "repr": "record numbers in Memory",
    "format": "record numbers in Memory",
    "open": "give the number as a field of Params",
    "input": "give the number as a field of Params",
    "eval": "write the expression",
    "exec": "write the statements",
    "globals": "keep what changes in Memory",
    "locals": "name the variables",
    "vars": "name the fields",
    "iter": "write a for loop",
    "next": "write a for loop",
    "any": "write a loop",
    "all": "write a loop",
    "map": "write a loop",
    "filter": "write a loop",
}
#: Allowed only where functions are not compiled (NUMBA_DISABLE_JIT=1), for debugging.
DEBUGGING = frozenset({"print", "breakpoint"})

#: Names of `math` and NumPy, and what simmm.math has in their place.
REPLACEMENTS: Mapping[str, str] = {
    "exp": "exp",
    "expm1": "expm1",
    "log": "log",
    "log1p": "log1p",
    "sqrt": "sqrt",
    "pow": "power",
    "power": "power",
    "floor": "floor_int",
    "ceil": "ceil_int",
    "trunc": "floor_int",
    "round": "round_int",
    "rint": "round_int",
    "around": "round_int",
    "int64": "floor_int",
    "isfinite": "is_finite",
    "isnan": "is_finite",
    "isinf": "is_finite",
    "clip": "clip",
    "minimum": "minimum",
    "maximum": "maximum",
    "fmin": "minimum",
    "fmax": "maximum",
    "erf": "normal_cdf",
    "erfc": "normal_cdf",
}
#: Names of `math` and NumPy that are the same everywhere.
EXACT = frozenset({"pi", "e", "tau", "inf", "nan", "zeros", "ones", "full", "float64", "bool_"})
#: Names of `math` and NumPy that Python has itself.
PLAIN: Mapping[str, str] = {
    "fabs": "abs(x)",
    "abs": "abs(x)",
    "absolute": "abs(x)",
    "min": "min(a, b)",
    "max": "max(a, b)",
    "fmod": "x % y",
    "mod": "x % y",
    "square": "x * x",
    "float_power": "x * x",
    "empty": "np.zeros",
}

REDUCTIONS = frozenset({"sum", "mean", "std", "var", "prod", "dot", "cumsum", "cumprod", "trace"})

#: Syntax that is refused wherever it stands: node -> rule.
SYNTAX: Mapping[type[ast.AST], str] = {
    ast.Set: "collection",
    ast.Dict: "collection",
    ast.SetComp: "collection",
    ast.DictComp: "collection",
    ast.JoinedStr: "text",
    ast.Try: "try",
    ast.TryStar: "try",
    ast.With: "with",
    ast.AsyncWith: "with",
    ast.AsyncFor: "generator",
    ast.FunctionDef: "nested",
    ast.AsyncFunctionDef: "nested",
    ast.ClassDef: "nested",
    ast.Lambda: "nested",
    ast.Yield: "generator",
    ast.YieldFrom: "generator",
    ast.Await: "generator",
    ast.GeneratorExp: "generator",
    ast.Global: "global",
    ast.Nonlocal: "global",
    ast.Import: "import",
    ast.ImportFrom: "import",
    ast.Is: "identity",
    ast.IsNot: "identity",
    ast.Delete: "delete",
    ast.Starred: "arguments",
}
