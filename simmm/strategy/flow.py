"""Finding variables that may be used before they have a value.

Interpreted, that is an error at the moment it happens; compiled, the variable silently holds 0.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

Names = frozenset[str]


def used_too_early(function: ast.FunctionDef) -> Iterator[ast.Name]:
    """Yield the uses of local variables that some way through the function has not set."""
    arguments = function.args
    given = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    flow = _Flow(_stored(function))
    flow.block(function.body, frozenset(a.arg for a in given))
    yield from flow.found


def _is_store(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


class _Flow:
    """Follows the names that are certainly set; None where a place can't be reached."""

    def __init__(self, local: Names) -> None:
        self.local = local
        self.found: list[ast.Name] = []
        self.breaks: list[list[Names]] = []

    def block(self, body: Sequence[ast.stmt], names: Names | None) -> Names | None:
        for statement in body:
            if names is None:
                return None  # never reached
            names = self.statement(statement, names)
        return names

    def statement(self, node: ast.stmt, names: Names) -> Names | None:
        if isinstance(node, ast.If):
            names = self.uses(node.test, names)
            return _either(self.block(node.body, names), self.block(node.orelse, names))
        if isinstance(node, ast.For):
            names = self.uses(node.iter, names)
            return self._loop(node, names | _stored(node.target), names)
        if isinstance(node, ast.While):
            names = self.uses(node.test, names)
            endless = isinstance(node.test, ast.Constant) and bool(node.test.value)
            return self._loop(node, names, None if endless else names)
        if isinstance(node, ast.Match):
            return self._match(node, names)
        names = self.uses(node, names)
        if isinstance(node, ast.Break) and self.breaks:
            self.breaks[-1].append(names)
        if isinstance(node, ast.Return | ast.Raise | ast.Break | ast.Continue):
            return None
        return names

    def _loop(self, node: ast.For | ast.While, inside: Names, after: Names | None) -> Names | None:
        self.breaks.append([])
        self.block(node.body, inside)
        left = self.breaks.pop()
        after = self.block(node.orelse, after) if after is not None else None
        for names in left:
            after = _either(after, names)
        return after

    def _match(self, node: ast.Match, names: Names) -> Names | None:
        names = self.uses(node.subject, names)
        after: Names | None = None
        for case in node.cases:
            parts = [n for n in ast.walk(case.pattern) if isinstance(n, ast.MatchAs)]
            captured = {part.name for part in parts if part.name}
            after = _either(after, self.block(case.body, names | captured))
            anything = isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None
            if anything and case.guard is None:
                return after
        return _either(after, names)

    def uses(self, node: ast.AST, names: Names) -> Names:
        """Check the names read in an expression or simple statement; add those it sets."""
        if isinstance(node, ast.Assign):
            names = self.uses(node.value, names)
            for target in node.targets:
                names = self.uses(target, names)
            return names
        if isinstance(node, ast.AugAssign):
            if isinstance(node.target, ast.Name):
                self._read(node.target, names)
            names = self.uses(node.value, names)
            return self.uses(node.target, names)
        if isinstance(node, ast.ListComp):
            inner = names
            for part in node.generators:
                inner = self.uses(part.iter, inner) | _stored(part.target)
                for condition in part.ifs:
                    inner = self.uses(condition, inner)
            self.uses(node.elt, inner)
            return names
        if isinstance(node, ast.Name):
            if _is_store(node):
                return names | {node.id}
            self._read(node, names)
            return names
        if isinstance(node, ast.BoolOp | ast.IfExp):
            first = node.values[0] if isinstance(node, ast.BoolOp) else node.test
            names = self.uses(first, names)
            for child in ast.iter_child_nodes(node):
                if child is not first:
                    self.uses(child, names)
            return names
        for child in ast.iter_child_nodes(node):
            names = self.uses(child, names)
        return names

    def _read(self, node: ast.Name, names: Names) -> None:
        if node.id in self.local and node.id not in names:
            self.found.append(node)


def _stored(target: ast.AST) -> Names:
    return frozenset(n.id for n in ast.walk(target) if isinstance(n, ast.Name) and _is_store(n))


def _either(one: Names | None, other: Names | None) -> Names | None:
    if one is None:
        return other
    return one if other is None else one & other
