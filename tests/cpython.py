"""CPython's own tests, plain and measured: each test has to end as it does without us.

    python -m tests.cpython [--tests NAME ...] [--jobs N]

Sixty test modules, and one because 3.11 has no ``test_monitoring``, that look at the interpreter most: frames, code
objects, tracing, threads, collections, pickles. Each runs in processes of its own, plainly (twice where a test differs)
and with its own source measured. Exit status 1 where a test ends otherwise for a reason that is in neither table here.
``tests.library`` compares outcomes, too, on forty others.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from ipy_branchcov.tracing.choice import tracers
from tests.library import changed_tests, process

TESTS = (
    "test_abc", "test_atexit", "test_bdb", "test_bool", "test_builtin", "test_call", "test_class", "test_cmd",
    "test_code", "test_codeop", "test_compare", "test_compile", "test_contains", "test_context", "test_copyreg",
    "test_decorators", "test_defaultdict", "test_descr", "test_dict", "test_dictviews", "test_dis",
    "test_dynamic", "test_enum", "test_extcall", "test_frame", "test_fstring", "test_funcattrs", "test_gc",
    "test_genericalias", "test_genexps", "test_global", "test_inspect", "test_isinstance", "test_itertools",
    "test_keywordonlyarg", "test_linecache", "test_list", "test_marshal", "test_metaclass", "test_module",
    "test_monitoring", "test_opcache", "test_ordered_dict", "test_pdb", "test_peepholer", "test_pickle",
    "test_positional_only_arg", "test_property", "test_queue", "test_range", "test_scope", "test_set",
    "test_super", "test_sys_setprofile", "test_sys_settrace", "test_trace", "test_traceback", "test_types",
    "test_weakref", "test_weakset", "test_yield_from",
)  # fmt: skip
#: What CI runs: quick ones that differ in kind.
SLICE = ("test_bdb", "test_funcattrs", "test_genexps", "test_marshal", "test_scope")
_CODE = "it compares the bytecode of its own functions"
_KEPT = "code that ran, and what is measured of it, is kept until it is reported"
_HOOK = "a trace function is called for an import hook, as for importlib itself"
#: Tests that differ under any tool that instruments code, watches events or hooks imports, by a part of their name.
ALLOWED: dict[str, str] = {
    "test_dis.": _CODE,
    "test_peepholer.": _CODE,
    **{
        f"test_compile.{name}": _CODE
        for name in (
            "TestSourcePositions.test_weird_attribute_position_regressions", "TestSpecifics.test_32_63_bit_values",
            "TestSpecifics.test_consts_in_conditionals", "TestSpecifics.test_dead_blocks_do_not_generate_bytecode",
            "TestSpecifics.test_false_while_loop", "TestSpecifics.test_merge_code_attrs",
            "TestSpecifics.test_merge_constants", "TestSpecifics.test_strip_unused_consts",
        )
    },
    "test_marshal.CodeTestCase.test_code": "it compares its function's code with what marshal wrote, the author's code",
    "test_monitoring.": "it checks that no tool has events",
    "test_code.CoExtra.test_free": _KEPT,
    "test_code.CodeWeakRefTest.test_basic": _KEPT,
    "test_descr.ClassPropertiesAndMethods.test_slots": f"it counts all objects there are; {_KEPT}",
    "test_gc.GCTests.test_get_count": "it counts the objects that were made since a collection",
    "test_frame.TestIncompleteFrameAreInvisible.test_sneaky_frame_object": "it makes the next allocation collect",
    "test_bdb.StateTestCase.test_skip": _HOOK,
    "test_trace.TestCoverage.test_coverage_ignore": _HOOK,
    "test_opcache.TestRacesDoNotCrash.test_for_iter_gen": (
        "it copies its code, which is measured by BRANCH events then; until its loop was seen to end they stay on"
    ),
}  # fmt: skip
#: Tests that are not run, and why.
LEFT_OUT = {
    "test.test_opcache.TestSpecializer.test_call_list_append_memory_error": "all memory is refused: a callback ends it",
}
#: Tests that differ by a fault of ours that is not mended.
KNOWN: dict[str, str] = {}


@dataclass
class Ended:
    """What one test module gave. ``known``: differs by a fault that is not mended."""

    name: str
    tests: int = 0
    allowed: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)

    def counts(self) -> tuple[int, ...]:
        """How many tests ran, and how many are in each list."""
        return self.tests, len(self.allowed), len(self.known), len(self.differences)


def compare(name: str, tracer: str) -> Ended:
    """A test module, plain and measured."""
    found = Ended(name)
    try:
        plain = process(name, "bare", LEFT_OUT)
        found.tests = len(plain["ended"])
        measured = process(name, tracer, LEFT_OUT)
        changed = changed_tests(plain, measured)
        if changed:  # what ends differently when it is run twice shows nothing
            changed -= changed_tests(plain, process(name, "bare", LEFT_OUT))
    except (subprocess.SubprocessError, ValueError) as error:
        found.differences.append(f"{name}: {error}")
        return found
    for test in sorted(changed):
        line = f"{test}: {plain['ended'].get(test)}, measured {measured['ended'].get(test)}"
        for reasons, lines in ((ALLOWED, found.allowed), (KNOWN, found.known)):
            if reason := next((reason for part, reason in reasons.items() if part in test), ""):
                lines.append(f"{line} ({reason})")
                break
        else:
            found.differences.append(line)
    return found


def compare_all(names: Iterable[str], tracer: str, jobs: int | None = None) -> Iterator[Ended]:
    names = [name for name in names if importlib.util.find_spec(f"test.{name}")]
    with ThreadPoolExecutor(jobs or os.cpu_count()) as pool:
        yield from pool.map(lambda name: compare(name, tracer), names)


def main() -> int:
    parser = argparse.ArgumentParser(description="Run CPython's own tests, plain and measured.")
    parser.add_argument("--tests", nargs="*", default=list(TESTS))
    parser.add_argument("--tracer", choices=list(tracers()), default=next(iter(tracers())))
    parser.add_argument("--jobs", type=int)
    options = parser.parse_args()
    results = []
    for each in compare_all(options.tests, options.tracer, options.jobs):
        results.append(each)
        words = "{:,} tests, {} allowed, {} known, {} differences".format(*each.counts())
        print("\n    ".join([f"{each.name}: {words}", *each.allowed, *each.known, *each.differences]))
    tests, allowed, known, differences = (sum(each) for each in zip(*(each.counts() for each in results), strict=True))
    print(
        f"Python {platform.python_version()}, {options.tracer}: {len(results)} files, {tests:,} tests, {allowed} "
        f"differ under any tool, {known} by a known fault, {differences} differences"
    )
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
