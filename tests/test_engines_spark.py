"""Spark's workers are measured: they leave what a task covered before they report its end."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from ipy_branchcov.processes.spark_worker import is_worker
from tests import engine_scripts
from tests.engine_scripts import hits

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java"),
]

WORK = """\
import os


def size(n):
    return "big" if n > 9 else "small"


def dies(n):
    if n > 9:
        os.kill(os.getpid(), 9)
    return n


def fails(n):
    if n > 9:
        raise ValueError(n)
    return n
"""

SCRIPT = """\
import sys

from pyspark.sql import SparkSession
from pyspark.sql.functions import udf

import spark_work

spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
spark.sparkContext.setLogLevel("OFF")


def numbers(*each):
    return spark.sparkContext.parallelize(each, 2)


def tried(function):
    try:
        return function()
    except Exception:
        return "failed"


for kind in sys.argv[1:]:
    if kind == "maps":
        print(numbers(1, 2, 30, 4).map(spark_work.size).collect())
        print(numbers(1, 2, 3).map(lambda n: "odd" if n % 2 else "even").collect())
    elif kind == "functions":
        rows = spark.createDataFrame([(5,), (50,)], ["n"]).select(udf(spark_work.size)("n")).collect()
        print(sorted(row[0] for row in rows))
    elif kind == "fails":
        print(tried(lambda: numbers(1, 30).map(spark_work.fails).collect()))
    elif kind == "dies":
        print(tried(lambda: numbers(1, 30).map(spark_work.dies).collect()))
spark.stop()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("pyspark")
    folder = tmp_path_factory.mktemp("spark")
    (folder / "spark_work.py").write_text(WORK)
    (folder / "spark_script.py").write_text(SCRIPT)
    return folder


def run(folder: Path, *kinds: str) -> tuple[str, Any]:
    words = ("--counts", "--source=spark_work,spark_script.py", "spark_script.py", *kinds)
    return engine_scripts.run(folder, *words, PYSPARK_PYTHON=sys.executable)


def of(name: str, report: Any) -> dict[str, int]:
    """What a function covered."""
    return {outcome: count for outcome, count in hits(report).items() if outcome.startswith(f"{name} ")}


def test_every_kind_of_task_counts_exactly(folder: Path) -> None:
    printed, report = run(folder, "maps", "functions", "fails")
    assert printed.startswith(
        "['small', 'small', 'big', 'small']\n['odd', 'even', 'odd']\n['big', 'small']\nfailed\n"
    ), printed
    assert of("size", report) == {"size true": 2, "size false": 4}
    assert of("<lambda>", report) == {"<lambda> true": 2, "<lambda> false": 1}
    assert of("fails", report) == {"fails true": 1, "fails false": 1}
    assert report.get("lost", []) == []


def test_a_worker_that_is_killed_in_a_task_is_one_line(folder: Path) -> None:
    printed, report = run(folder, "maps", "dies")
    assert printed.splitlines()[2] == "failed"
    assert of("size", report) == {"size true": 1, "size false": 3}
    (lost,) = report["lost"]
    assert re.fullmatch(r"a process was killed, or has not ended: worker \d+ in a task", lost), lost


def test_this_process_is_no_worker() -> None:
    assert not is_worker()
