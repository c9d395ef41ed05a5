"""Each message has a situation that leads to it, or a reason why not; and what runs them sees what is wrong."""

from __future__ import annotations

import pytest

from tests.messages import in_code
from tests.provoke import WITHOUT, Case, cases, of_script, problem

RUN = "branchcov run a.py\n"
MESSAGE = "…: no such file; check the path"


@pytest.mark.slow
def test_every_message_has_a_case_or_a_reason() -> None:
    known = [case.message for case in cases()]
    assert len(known) == len(set(known))
    assert sorted(in_code().keys() - set(known) - WITHOUT.keys()) == []
    assert sorted((set(known) | WITHOUT.keys()) - in_code().keys()) == []
    assert sorted(set(known) & WITHOUT.keys()) == []


def test_every_case_is_whole() -> None:
    assert [case.message for case in cases() if not case.provoke.strip() or not case.cure.strip()] == []


def test_a_script_is_read() -> None:
    text = "# about\n#: message a …\n#: shows a b\n#: needs >=3.12 xdist\none\n#: cure\ntwo\n"
    assert list(of_script(text)) == [Case("a …", "a b", "one\n", "two\n", (">=3.12", "xdist"))]


def test_what_is_needed_and_not_here_is_named() -> None:
    assert Case("", "", "", "", (">=3.11", "nosuchmodule", "<3.11")).missing() == ["nosuchmodule", "<3.11"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("provoke", "cure", "found"),
    [
        (RUN, "touch a.py\n" + RUN, ""),
        ("touch a.py\n" + RUN, RUN, "not printed"),
        (RUN, RUN, "not cured"),
        (RUN, "echo 1 > a.py\necho 1/0 >> a.py\n" + RUN, "its cure ends with status 1"),
    ],
)
def test_a_case_that_is_not_as_it_says(provoke: str, cure: str, found: str) -> None:
    said = problem(Case(MESSAGE, MESSAGE, provoke, cure))
    assert said.startswith(found) and bool(said) == bool(found)
