"""Build the site of docs/ from a copy of the checkout: warnings are errors, and each link inside leads somewhere.

    python -m tests.site [FOLDER]

The tutorial is the tour, executed when the site is built, so what its pages show was measured then. It needs the
dependency group ``docs`` and the extra ``run``. Without a folder the site is removed again. Links to other sites are
checked for their form alone: a build must not depend on them.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).parents[1]
#: What pages consist of or link to.
_COPIED = ("docs", "notebooks", "benchmarks", "ipy_branchcov", "tests", "README.md", "CHANGELOG.md", "CONTRIBUTING.md")
_FILES = ("SECURITY.md", "LICENSE", "pyproject.toml", "CITATION.cff")


_FRONT = '<meta http-equiv="refresh" content="0; url=docs/index.html">\n'


class Links(HTMLParser):
    """The links of a page, and the names in it that links can lead to."""

    def __init__(self, text: str):
        super().__init__()
        self.links: list[str] = []
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.append(value)
            elif name in ("id", "name") and value:
                self.names.add(value)


def broken(site: Path) -> tuple[int, list[str]]:
    """How many links the pages have, and those that lead nowhere."""
    pages = {path: Links(path.read_text("utf-8")) for path in site.rglob("*.html") if "_static" not in path.parts}
    found, count = [], 0
    for path, page in pages.items():
        for link in page.links:
            count += 1
            parts = urlsplit(link)
            if parts.scheme or link.startswith("//"):
                if parts.scheme in ("http", "https") and "." not in parts.netloc:
                    found.append(f"{path.relative_to(site)}: {link}")
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            known = pages.get(target)
            lost = known is not None and parts.fragment and unquote(parts.fragment) not in known.names
            if not target.exists() or lost:
                found.append(f"{path.relative_to(site)}: {link}")
    return count, sorted(found)


def build(site: Path) -> int:
    """Build the site into a folder; return the exit status."""
    with TemporaryDirectory(prefix="branchcov-site-") as folder:
        source = Path(folder)
        for name in _COPIED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "results"))
            else:
                shutil.copy(ROOT / name, source)
        for name in _FILES:
            shutil.copy(ROOT / name, source)
        command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-c", "docs", ".", str(site)]
        environment = {**os.environ, "PYTHONPATH": folder}
        status = subprocess.run(command, cwd=source, env=environment, check=False).returncode
    shutil.copytree(ROOT / "notebooks" / "pictures", site / "notebooks" / "pictures", dirs_exist_ok=True)
    (site / "index.html").write_text(_FRONT, "utf-8")
    return status


def unmeasured(site: Path) -> list[str]:
    """What the tutorial lacks of having been executed and measured."""
    text = re.sub(r"<[^>]+>", "", (site / "notebooks" / "tour.html").read_text("utf-8"))
    return [f"the tutorial does not say: {each}" for each in ("never false", "outcomes covered") if each not in text]


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the site of docs/ and check its links.")
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER")
    wanted, started = parser.parse_args().folder, time.monotonic()
    with TemporaryDirectory(prefix="branchcov-site-") as folder:
        site = (wanted or Path(folder)).resolve()
        if status := build(site):
            return status
        links, problems = broken(site)
        problems += unmeasured(site)
        for each in problems:
            print(f"broken: {each}", file=sys.stderr)
        pages = len([each for each in site.rglob("*.html") if "_static" not in each.parts])
    print(f"{pages} pages, {links:,} links, {len(problems)} broken, built in {time.monotonic() - started:.0f} s")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
