"""The parts of tracing, each alone: what they patch and give back, what they put into code, what they record."""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

from ipy_branchcov.analysis.branches import Analysis, find_branches
from ipy_branchcov.analysis.pragmas import Policy
from ipy_branchcov.bytecode import thread_state
from ipy_branchcov.bytecode.decode import Bytecode, code_objects
from ipy_branchcov.bytecode.encode import Item, assemble
from ipy_branchcov.model.branch import FirstHit
from ipy_branchcov.model.source import Source
from ipy_branchcov.session.analyses import Analyses
from ipy_branchcov.session.first_hits import FirstHits
from ipy_branchcov.session.scope import Scope
from ipy_branchcov.session.sources import Sources
from ipy_branchcov.tracing import gc_control
from ipy_branchcov.tracing.imports import Imports
from ipy_branchcov.tracing.probes import registry
from ipy_branchcov.tracing.probes.arrange import Arrangement, falls
from ipy_branchcov.tracing.probes.counting import CountingCode
from ipy_branchcov.tracing.probes.functions import Functions, objects
from ipy_branchcov.tracing.probes.instrument import Counter, copied, count_edges
from ipy_branchcov.tracing.probes.place import ProbePlacer
from ipy_branchcov.tracing.probes.split import Splitter
from ipy_branchcov.tracing.settrace import SettraceTracer
from ipy_branchcov.tracing.tracer import Mechanism, Plan, Recording

TEXT = "def sign(x):\n    return '+' if x > 0 else '-'\n"
on_311 = pytest.mark.skipif(sys.version_info >= (3, 12), reason="3.11 alone has vanishing probes")
on_312 = pytest.mark.skipif(not (3, 12) <= sys.version_info < (3, 14), reason="3.12 and 3.13 alone split edges")
on_314 = pytest.mark.skipif(sys.version_info < (3, 14), reason="3.14 has branch events for each exit")


class Program:
    """A file with a function of one branch: its code, and the plans for it."""

    def __init__(self, path: Path):
        path.write_text(TEXT)
        self.sources = Sources(Scope(path.parent, source=[str(path)]))
        self.analyses = Analyses(self.sources, Policy())
        self.code = compile(TEXT, str(path), "exec", dont_inherit=True)
        self.sign = next(each for each in self.code.co_consts if isinstance(each, CodeType))
        self.plan = self.analyses.plan(self.sign)

    def analysis(self) -> Analysis:
        return find_branches(Source("sign.py", TEXT, "file"))

    def outcomes(self, edges: Any) -> list[str]:
        """The names of the outcomes that edges of the function mean."""
        analysis = self.analysis()
        found = (
            analysis.decisions.map.branches[branch].outcomes[outcome].name
            for edge in edges
            for branch, outcome in analysis.of(self.sign).outcomes_of(*edge[:3])
        )
        return sorted(found)

    def traced(
        self, tracer: Any, call: Callable[[Callable[[int], str]], object], *, instrument: bool = True
    ) -> Recording:
        """What a tracer recorded of the function while it was called."""
        names: dict[str, Any] = {}
        exec(tracer.instrument(self.code) if instrument else self.code, names)
        tracer.start()
        try:
            call(names["sign"])
        finally:
            recordings = tracer.stop()
        found = [each for each in recordings if each.code is self.sign]
        assert found
        recording = Recording(self.sign, found[0].mechanism)
        for each in found:
            recording.edges |= each.edges
            recording.lines |= each.lines
        return recording


def another(code: CodeType, old: str, new: str) -> CodeType:
    """The same code with another constant."""
    return code.replace(co_consts=tuple(new if each == old else each for each in code.co_consts))


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path / "sign.py")


# --- patched and given back


def test_the_garbage_collector_pauses_and_goes_on() -> None:
    assert gc.isenabled()
    with gc_control.paused():
        assert not gc.isenabled()
        with gc_control.paused():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


def test_modules_are_instrumented_when_they_are_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("during_a_run", "after_a_run"):
        (tmp_path / f"{name}.py").write_text("x = 'one'\n")
    monkeypatch.syspath_prepend(tmp_path)
    found: list[str] = []
    before = SourceFileLoader.get_code
    imports = Imports(lambda code: (found.append(Path(code.co_filename).stem), another(code, "one", "two"))[1])
    imports.begin()
    during = importlib.import_module("during_a_run")
    imports.end()
    after = importlib.import_module("after_a_run")
    assert (found, during.x) == (["during_a_run"], "two")
    assert after.x == "one" and SourceFileLoader.get_code is before


@pytest.mark.parametrize("name", ["settrace", "setprofile"])
def test_what_instruments_a_module_is_unseen_by_the_programs_own_functions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / f"seen_by_{name}.py").write_text("x = len('one')\n")
    (tmp_path / f"refused_{name}.py").write_text("x = (\n")
    monkeypatch.syspath_prepend(tmp_path)
    seen: list[CodeType] = []
    given: list[str] = []

    def see(frame: FrameType, event: str, arg: object) -> object:
        seen.append(frame.f_code)
        return see

    def instrument(code: CodeType) -> CodeType:
        return another(code, 3, 3)

    imports = Imports(instrument, lambda name: given.append(name.upper()))
    imports.begin()
    before = getattr(sys, name.replace("set", "get"))()
    getattr(sys, name)(see)
    try:
        importlib.import_module(f"seen_by_{name}")
        with pytest.raises(SyntaxError):
            importlib.import_module(f"refused_{name}")
        still = getattr(sys, name.replace("set", "get"))()
    finally:
        getattr(sys, name)(before)
        imports.end()
    files = {code.co_filename for code in seen}
    assert str(tmp_path / f"seen_by_{name}.py") in files, "it goes on seeing the program"
    assert (still, len(given)) == (see, 2)
    assert not {instrument.__code__, another.__code__} & set(seen)


def test_no_event_between_enter_and_leave() -> None:
    seen: list[str] = []
    before = sys.getprofile()
    sys.setprofile(lambda frame, event, arg: seen.append(f"{event} {frame.f_code.co_name}"))
    try:
        thread_state.enter(thread_state.get())
        called()
        thread_state.leave(thread_state.get())
        assert seen == []
        called()
    finally:
        sys.setprofile(before)
    assert seen[0] == "call called"


def called() -> None:
    """Called where no event is to be seen."""


def test_another_import_hook_above_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SourceFileLoader, "get_code", SourceFileLoader.get_code)  # comes back after the test
    imports = Imports(lambda code: code)
    imports.begin()
    ours = SourceFileLoader.get_code

    def above(loader: SourceFileLoader, name: str) -> CodeType | None:
        return ours(loader, name)

    SourceFileLoader.get_code = above  # type: ignore[method-assign,assignment]
    imports.end()
    assert SourceFileLoader.get_code is above


# --- in the code


def test_functions_get_other_code() -> None:
    def one() -> str:
        return "one"

    two, three = (another(one.__code__, "one", word) for word in ("two", "three"))
    twin = type(one)(one.__code__, {})
    functions = Functions()
    functions.swap_code(one.__code__, two)
    assert (one(), twin()) == ("two", "two")
    late_code = two.replace(co_name="late")
    late = type(one)(late_code, {})
    functions.swap_code(late_code, three)
    assert late() == "three"
    assert one in objects(type(one))


def test_nothing_changes_where_nothing_is_planned(program: Program) -> None:
    for code in code_objects(program.code):
        for kind in (Splitter, ProbePlacer):
            placer = kind(Bytecode(code), Plan(), len(code.co_consts))
            placer.run()
            new = assemble(code, placer.items)
            assert new.co_code == code.co_code
            assert list(new.co_positions()) == list(code.co_positions())


def test_probes_count(program: Program) -> None:
    code, counted = count_edges(program.sign, program.plan, program.sign.co_consts)
    sign = type(test_probes_count)(code, {})
    assert [sign(x) for x in (1, 2, -1)] == ["+", "+", "-"]
    assert program.outcomes(counted.edges()) == ["false", "true"]
    assert sorted(counted.edges().values()) == [1, 2]
    counted.begin()
    assert counted.edges() == {}
    placer = ProbePlacer(Bytecode(program.sign), program.plan, 0)
    placer.run()
    assert program.outcomes(probe.edge for probe in placer.probes if probe.edge) == ["false", "true"]


def test_a_copy_counts_with_what_it_was_made_of(program: Program) -> None:
    code, counted = count_edges(program.sign, program.plan, program.sign.co_consts)
    counting = CountingCode(counted.kind)
    first, other = (type(test_probes_count)(each, {}) for each in (code, code.replace(co_name="other")))
    first(1)  # before the run
    counting.add(code, counted)
    assert [first(1), other(1), other(-1)] == ["+", "+", "-"]
    ((_, original, edges),) = counting.edges()
    assert (original, sorted(edges.values())) == (program.sign, [1, 2])
    (turned,) = counting.turn()
    assert (turned.edges, list(counting.turn())) == (edges, [])
    other(1)
    counting.forked()
    assert [edges for *_, edges in counting.edges()] == [{}]
    again, _ = count_edges(other.__code__, program.plan, other.__code__.co_consts)
    assert copied(other.__code__, counted.kind) is None  # not in the registry
    assert not {id(each) for each in again.co_consts if isinstance(each, Counter)} & set(map(id, code.co_consts))


def test_the_order_of_instructions_and_what_is_inserted() -> None:
    leave, jump, target = Item("RETURN_VALUE"), Item("JUMP_FORWARD"), Item("NOP")
    jump.target = target
    order = Arrangement([jump, leave, target])
    proof, behind = Item("POP_TOP"), Item("COPY", 1)
    order._detour(jump, [proof])
    order._after[target] = [behind]
    order._arrange()
    # The detour stands before its target, where nothing falls into it, and falls through itself.
    assert order.items == [jump, leave, proof, target, behind]
    assert jump.target is proof and falls(proof) and not falls(leave)


def test_the_registry_knows_what_code_was_made_from(program: Program) -> None:
    def rewrite(code: CodeType, constants: tuple[object, ...]) -> tuple[CodeType, registry.Instrumented]:
        new = code.replace(co_consts=constants)
        return new, registry.Instrumented(new, code, Mechanism.SPLIT)

    code = registry.instrument(program.code, Mechanism.SPLIT, lambda code: code.co_name == "sign", rewrite)
    (sign,) = (each for each in code.co_consts if isinstance(each, CodeType))
    known = registry.known(sign)
    assert known is not None and known.original is program.sign
    assert registry.known(code) is None and registry.known(program.sign) is None
    assert registry.instrument(sign, Mechanism.SPLIT, lambda code: True, rewrite) is sign
    assert registry.instrument(sign, Mechanism.PROBES, lambda code: True, rewrite) is not sign
    assert any(each is sign for each in registry.of_kind(Mechanism.SPLIT)[0])
    del code, sign
    gc.collect()
    assert not any(each.original is program.sign for each in registry.of_kind(Mechanism.SPLIT)[1])


# --- the mechanisms


def test_settrace(program: Program) -> None:
    tracer = SettraceTracer(lambda code: program.sources.of(code) is not None, program.analyses.plan)
    before = sys.gettrace()
    recording = program.traced(tracer, lambda sign: (sign(1), sign(2)))
    assert sys.gettrace() is before
    assert program.outcomes(recording.edges) == ["true"] and 2 in recording.edges.values()
    assert recording.lines >= {2}


def test_the_first_hit_is_kept(program: Program) -> None:
    hits = FirstHits(program.sources, program.analyses, "In [1]", values=True)
    for x in (1, 2):
        tracer = SettraceTracer(program.sources.filter, program.analyses.plan, on_first_hit=hits.record)
        program.traced(tracer, lambda sign, x=x: sign(x))
    source = program.sources.of(program.sign)
    assert source is not None
    # Before 3.13 a trace function must not look at variables.
    assert hits.of(source.key, 0, 0) == FirstHit("In [1]", {"x": "1"} if sys.version_info >= (3, 13) else {})
    assert hits.of(source.key, 0, 1) == FirstHit("In [1]")
    late = FirstHits(program.sources, program.analyses, "", values=False)
    tracer = SettraceTracer(program.sources.filter, program.analyses.plan, on_first_hit=late.record)
    program.traced(tracer, lambda sign: sign(1))
    late.context = "known later"
    assert late.of(source.key, 0, 0) == FirstHit("known later")


@on_312
@pytest.mark.parametrize("counts", [False, True])
def test_split_edges(program: Program, counts: bool) -> None:
    from ipy_branchcov.tracing.probes.edges import split
    from ipy_branchcov.tracing.py312.tracer import InstructionTracer

    tracer = InstructionTracer(program.sources.filter, program.analyses.plan, counts=counts)
    recording = program.traced(tracer, lambda sign: (sign(1), sign(2)))
    assert recording.lines == {2}
    assert program.outcomes(recording.edges) == ["true"]
    assert list(recording.edges.values()) == [2 if counts else 1]
    code, known = split(program.sign, program.plan)
    assert program.outcomes(known.edges.values()) == ["false", "true"]
    at = {each.offset for each in Bytecode(code).instructions}
    assert len(known.edges) == 2 and known.edges.keys() <= at


@on_314
@pytest.mark.parametrize("counts", [False, True])
def test_branch_events(program: Program, counts: bool) -> None:
    from ipy_branchcov.tracing.py314.tracer import MonitoringTracer

    tracer = MonitoringTracer(program.sources.filter, program.analyses.plan, counts=counts)
    recording = program.traced(tracer, lambda sign: (sign(1), sign(2)))
    assert recording.lines == {2} and program.outcomes(recording.edges) == ["true"]
    assert list(recording.edges.values()) == [2 if counts else 1]


@on_311
def test_probes_that_vanish(program: Program) -> None:
    from ipy_branchcov.bytecode.memory import units
    from ipy_branchcov.tracing.py311.instrument import probe
    from ipy_branchcov.tracing.py311.lines import Passage
    from ipy_branchcov.tracing.py311.one_shot import Sweeper
    from ipy_branchcov.tracing.py311.place import VanishingProbePlacer

    code, probed = probe(program.sign, program.plan, program.sign.co_consts, Mechanism.PROBES)
    sign = type(test_probes_that_vanish)(code, {})
    fresh = bytes(units(code))
    assert sign(1) == "+"
    assert program.outcomes(probed.edges()) == ["true"] and probed.lines() == {2}
    assert probed.sweep() > 0 and probed.pending
    assert bytes(units(code)) != fresh
    assert (sign(1), sign(-1)) == ("+", "-")
    assert program.outcomes(probed.edges()) == ["false", "true"]
    probed.begin()
    assert probed.edges() == {} and probed.lines() == set()
    sweeper = Sweeper()
    sweeper.start()
    sweeper.stop()
    placer = VanishingProbePlacer(Bytecode(program.sign), program.plan, 0, counting=False)
    placer.run()
    assert program.outcomes(each.edge for each in placer.probes if each.edge) == ["false", "true"]
    passage = Passage(frozenset({2}), (1,), 3, 5)
    assert [passage.proved(passed, left) for passed, left in (([1], []), ([0], []), ([], [5]), ([], [6]))] == [
        True,
        False,
        True,
        False,
    ]


@on_311
def test_frames_and_what_is_suspended() -> None:
    from ipy_branchcov.tracing.probes.functions import places, suspended_code
    from ipy_branchcov.tracing.py311.arrivals import ARRIVALS

    def numbers() -> Any:
        yield 1

    begun = numbers()
    assert sys._getframe().f_code in [each.code for each in places()]
    assert suspended_code(begun) is numbers.__code__
    list(begun)
    assert suspended_code(begun) is None
    ARRIVALS.begin()
    ARRIVALS.unsettle()
    assert numbers in ARRIVALS.objects(lambda code: True, Mechanism.PROBES, [])


@on_311
def test_code_without_probes_is_traced_until_it_has_ended(program: Program) -> None:
    """Code that another tool compiled, and executes."""
    from ipy_branchcov.tracing.py311.fallback import Fallback
    from ipy_branchcov.tracing.py311.tracer import ProbeTracer

    tracer = ProbeTracer(program.sources.filter, program.analyses.plan, counts=False)
    fallback = tracer._fallback
    assert type(fallback) is Fallback
    tracer.start()
    try:
        assert not fallback.tracing
        exec(compile(TEXT, program.code.co_filename, "exec"), {})
        assert fallback.paused
    finally:
        tracer.stop()


@on_311
def test_the_tracer_of_311(program: Program) -> None:
    from ipy_branchcov.tracing.py311.tracer import ProbeTracer

    tracer = ProbeTracer(program.sources.filter, program.analyses.plan, counts=False)
    recording = program.traced(tracer, lambda sign: (sign(1), sign(2)))
    assert recording.lines == {2} and program.outcomes(recording.edges) == ["true"]
