"""What follows from the form of a test alone: constants, tests that constants decide, patterns that can fail."""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Callable, Iterator


def constant(node: ast.expr) -> bool | None:
    """The truth of a test that is constant by its form, else None.

    ``x or True`` is one: in a test nothing depends on x.
    """
    match node:
        case ast.Constant():
            return bool(node.value)
        case ast.Name(id="__debug__"):
            return __debug__
        case ast.JoinedStr(values=parts) if all(isinstance(part, ast.Constant) for part in parts):
            return bool(parts)
        case ast.UnaryOp(op=ast.Not()):
            inner = constant(node.operand)
            return None if inner is None else not inner
        case ast.BoolOp():
            truths = [constant(value) for value in node.values]
            decides = isinstance(node.op, ast.Or)
            if decides in truths:
                return decides
            return None if None in truths else not decides
        case ast.IfExp():
            test, body, orelse = constant(node.test), constant(node.body), constant(node.orelse)
            if test is None:
                return body if body is orelse else None
            return body if test else orelse
        case _:
            return _folded(node)


def evaluates(node: ast.expr) -> bool:
    """Whether a test that is constant by its form evaluates anything: ``f() or True`` does, ``False and f()`` not."""
    match node:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return evaluates(operand)
        case ast.BoolOp(op=op, values=values):
            for value in values:
                known = constant(value)
                if known is None or evaluates(value):
                    return True
                if known is isinstance(op, ast.Or):
                    return False
            return False
        case ast.IfExp(test=test, body=body, orelse=orelse):
            known = constant(test)
            return known is None or evaluates(test) or evaluates(body if known else orelse)
        case _:
            return False


def fixed(node: ast.expr) -> bool | None:
    """The truth of a test that is constant by its form and evaluates nothing: the same on every Python."""
    return None if evaluates(node) else constant(node)


#: What constants can be computed of.
_FORMS = (ast.Constant, ast.Tuple, ast.UnaryOp, ast.BinOp, ast.Compare, ast.Subscript, ast.Slice, ast.IfExp, ast.BoolOp)
_PARTS = (ast.operator, ast.unaryop, ast.boolop, ast.cmpop, ast.expr_context)


def _folded(node: ast.expr) -> bool | None:
    """The truth of arithmetic, comparisons and subscripts of constants, whether or not the compiler computes it."""
    found = computed(node)
    return None if found is None else bool(found[0])


def computed(node: ast.expr) -> tuple[object] | None:
    """The value of an expression of constants alone, whether or not the compiler computes it; None for the rest."""
    match node:
        case ast.Constant():
            return (node.value,)
        case ast.Name(id="__debug__"):
            return (__debug__,)
        case _ if not isinstance(node, _FORMS) or not _of_constants(node):
            return None
    if any(isinstance(each, ast.BinOp) and _large(each) for each in ast.walk(node)):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return (eval(compile(ast.Expression(node), "<constant>", "eval"), {"__builtins__": {}}),)
    except Exception:  # 1 / 0: what it raises is raised when it runs
        return None


def _of_constants(node: ast.AST) -> bool:
    """Whether an expression has no other parts. Most tests begin with a name, so this looks no further than it must."""
    stack = [node]
    while stack:
        each = stack.pop()
        for name in each._fields:
            value = getattr(each, name, None)
            for part in value if isinstance(value, list) else (value,):
                if isinstance(part, _FORMS):
                    stack.append(part)
                elif isinstance(part, ast.AST) and not isinstance(part, _PARTS):
                    return False
    return True


def _large(node: ast.BinOp) -> bool:
    """Whether an operation could take long or much memory; compilers leave such ones to the run."""
    if isinstance(node.op, ast.Pow | ast.LShift):
        return not (
            isinstance(node.right, ast.Constant) and isinstance(node.right.value, int) and node.right.value < 100
        )
    return isinstance(node.op, ast.Mult) and any(
        isinstance(side, ast.Constant) and isinstance(side.value, int) and abs(side.value) > 4096
        for side in (node.left, node.right)
    )


#: Compilers compute no comparison, and from 3.14 on the rest only when the jumps are made.
_COMPUTED_LATE = sys.version_info >= (3, 14)
#: Before 3.13 ``f""`` is built when it runs, and its truth is tested.
_EMPTY_BUILT = sys.version_info < (3, 13)


def settled(node: ast.expr) -> bool | None:
    """The truth of a test that constants decide before anything else of it is evaluated: no code is left of it."""
    match node:
        case ast.UnaryOp(op=ast.Not()):
            inner = settled(node.operand)
            return None if inner is None else not inner
        case ast.BoolOp():
            decides = isinstance(node.op, ast.Or)
            for value in node.values:
                truth = settled(value)
                if truth is None or truth is decides:
                    return truth
            return not decides
        case ast.IfExp():
            test = settled(node.test)
            return None if test is None else settled(node.body if test else node.orelse)
        case ast.JoinedStr(values=[]) if _EMPTY_BUILT:
            return None
        case ast.Constant() | ast.Name() | ast.JoinedStr():
            return constant(node)
        case _ if _COMPUTED_LATE or isinstance(node, ast.Compare):
            return None  # it is tested, though nothing depends on it
        case _:
            return constant(node)


def live_operands(node: ast.BoolOp) -> Iterator[ast.expr]:
    """The operands of ``and`` or ``or`` up to a constant one that decides."""
    for value in node.values:
        yield value
        if constant(value) is isinstance(node.op, ast.Or):
            return


def kept_from_running(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of an expression that a constant before them keeps from running, on every Python."""
    match node:
        case ast.BoolOp(values=values):
            yield from values[len(list(live_operands(node))) :]
        case ast.IfExp(test=test, body=body, orelse=orelse):
            if (known := constant(test)) is not None:
                yield orelse if known else body
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
            closed = False
            for generator in node.generators:
                if closed:
                    yield generator
                    continue
                for test in generator.ifs:
                    if closed:
                        yield test
                    closed = closed or constant(test) is False
            if closed:
                yield from (each for label in ("elt", "key", "value") if (each := getattr(node, label, None)))


def refutable(pattern: ast.pattern) -> bool:
    """Whether a pattern can fail to match."""
    match pattern:
        case ast.MatchAs():
            return pattern.pattern is not None and refutable(pattern.pattern)
        case ast.MatchOr():
            return all(refutable(alternative) for alternative in pattern.patterns)
        case ast.MatchStar():
            return False
        case _:
            return True


def composite(test: ast.expr) -> bool:
    """Whether a test's outcome is counted by its operands: an ``and``/``or`` after any ``not``, or a chain."""
    while isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        test = test.operand
    return isinstance(test, ast.BoolOp) or (isinstance(test, ast.Compare) and len(test.ops) > 1)


def assigned_in_comprehension(generator: ast.comprehension) -> bool:
    """``for y in [expr]`` after the first clause: the compiler makes it an assignment."""
    iterable = generator.iter
    return (
        not generator.is_async
        and isinstance(iterable, ast.List | ast.Tuple)
        and len(iterable.elts) == 1
        and not isinstance(iterable.elts[0], ast.Starred)
    )


def operator_truth(
    node: ast.BoolOp,
    operand: ast.AST,
    truth: bool,
    *,
    constants: bool,
    known_by: Callable[[ast.expr], bool | None] = settled,
) -> bool | None:
    """The truth of an operator when it has come to one of its operands; None: it goes on to another.

    ``constants``: no test is made of constant operands, so they are passed here. ``known_by``: what is known of them;
    by default nothing where more is evaluated.
    """
    deciding = isinstance(node.op, ast.Or)
    i = next(i for i, value in enumerate(node.values) if value is operand)
    while truth is not deciding and i + 1 < len(node.values):
        i += 1
        known = known_by(node.values[i]) if constants else None
        if known is None:
            return None
        truth = known
    return truth


def stays_open(node: ast.AST, link: int, truth: bool) -> bool:
    """A true link that is not the last leaves its chain undecided."""
    return isinstance(node, ast.Compare) and len(node.ops) > 1 and truth and link < len(node.ops) - 1
