"""Suggestions as texts: for people, as the code of a cell, as test functions. Never as claims of what is right."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ipy_branchcov.model.branch import Branch
from ipy_branchcov.printable import printable
from ipy_branchcov.suggest.suggest import Suggestion, Suggestions

_LONGEST = 60
_AWAITED = re.compile(r"\bawait\b|\basync (?:for|with)\b")


def outcome(result: Suggestions, branch: Branch, name: str) -> str:
    """A branch's place and outcome: ``line 4: x % 2 == 0: true``."""
    above = result.source.within[1] if result.source.within else 0
    text = result.source.snippet(branch.span, _LONGEST)
    return f"line {branch.span.line + above}: {printable(text)}: {name}"


def report(result: Suggestions) -> str:
    """The calls, shortest first, each with what it newly covers; then what was not found, and what was refused."""
    covered = sum(len(each.covers) for each in result.found)
    total = covered + len(result.left)
    if not total:
        return f"branchcov: nothing is missed in {result.name}"
    lines = [
        f"branchcov: {covered} of {total} missed outcomes of {result.name}, by {_count(len(result.found), 'call')}"
    ]
    lines += [f"    {each}" for each in imports(result.found)]
    for each in result.found:
        ends = f"    # ends with {each.error}" if each.error else ""
        lines.append(f"    {printable(each.code)}{ends}")
        lines += [f"        {outcome(result, *covers)}" for covers in each.covers]
    if result.left:
        lines.append(f"found none in {result.calls:,} calls{', interrupted' * result.interrupted}:")
        lines += [f"    {outcome(result, *each)}" for each in result.left]
    elif result.interrupted:
        lines.append("interrupted: the calls may not be the simplest")
    return "\n".join([*lines, *notes(result)])


def notes(result: Suggestions) -> list[str]:
    """Lines on calls that were not suggested for what they did."""
    lines = [
        f"not suggested: {_count(count, 'call')} refused: {what}" for what, count in sorted(result.refused.items())
    ]
    if result.late:
        lines.append(f"not suggested: {_count(result.late, 'call')} took too long")
    if result.died:
        lines.append(f"not suggested: {_count(result.died, 'call')} ended the process")
    return lines


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def imports(found: Iterable[Suggestion]) -> list[str]:
    """The imports that some calls need, each once."""
    return sorted({line for each in found for line in each.imports})


def cell(result: Suggestions, module: str = "") -> str:
    """The calls as the code of a cell that measures itself. ``module``: from which the names of the calls come."""
    lines = ["%%branchcov", *sorted([*_roots(result, module), *imports(result.found)])]
    for each in result.found:
        places = "; ".join(outcome(result, *covers) for covers in each.covers)
        if each.error:
            lines += ["try:", f"    {each.code}  # {places}", f"except {each.error}:", "    pass"]
        else:
            lines.append(f"{each.code}  # {places}")
    return "\n".join(lines)


def _roots(result: Suggestions, module: str) -> list[str]:
    """The import of what the calls need of a module, where there is any."""
    roots = sorted({root for each in result.found for root in each.roots})
    return [f"from {module} import {', '.join(roots)}"] if module and roots else []


def tests(result: Suggestions, module: str) -> str:
    """The calls as test functions for pytest, with ``...`` where the reader says what is right.

    ``module``: from which the names of the calls come; "" where they are there.
    """
    name = re.sub(r"\W+", "_", result.name).lower()
    lines = sorted([*_roots(result, module), *imports(result.found)])
    for number, each in enumerate(result.found, 1):
        lines += ["", "", *_test(result, each, f"test_{name}_{number}")]
    return "\n".join(lines).strip("\n") + "\n"


def _test(result: Suggestions, each: Suggestion, name: str) -> list[str]:
    code = each.code
    body = [f"    # covers {outcome(result, *covers)}" for covers in each.covers]
    if each.error:
        body.append(f"    # {each.error} was raised when this was tried")
    if _AWAITED.search(code) and code.startswith(("await ", "[each async", "async with ")):
        returned = "" if code.startswith("async with ") else "return "
        body += ["    async def call():", f"        {returned}{code}", "", "    asyncio.run(call())"]
        body.insert(0, "    import asyncio\n")
    else:
        body.append(f"    {code}")
    return [f"def {name}():", *body, "    ...  # what should it be?"]
