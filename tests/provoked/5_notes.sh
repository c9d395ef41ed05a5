# Notes: see tests/provoke.py for how this is read.

#: message not measured: its source changed after the import. Re-import it and run again
printf 'def f(x):\n    return 1 if x else 2\n' > module.py
cat > a.py <<'P'
import importlib, sys
from pathlib import Path
import ipy_branchcov, module

text = Path("module.py").read_text()
Path("module.py").write_text(text.replace("1 if x", "1 if not x"))
if sys.argv[1:]:
    importlib.reload(module)
with ipy_branchcov.measure("module") as run:
    module.f(1)
print(run.coverage)
P
python a.py
#: cure
python a.py reload

#: message not measured: its code has no positions; run without -X no_debug_ranges
echo 'x = 1 if len("a") else 2' > a.py
PYTHONNODEBUGRANGES=1 branchcov run a.py
#: cure
branchcov run a.py

#: message not measured: …, which ran and is not in the file's text as it stands (made by exec, or changed since)
cat > a.py <<'P'
import sys
text = "\n\n\n\n\ndef made(x):\n    return 1 if x else 2\nmade(1)"
exec(compile(text, __file__, "exec"))
P
branchcov run a.py
#: cure
sed -i 's/__file__/"<template>"/' a.py
branchcov run a.py

#: message inside an assert that pytest rewrote: not measured (--assert=plain leaves it as it is)
printf 'def test_a():\n    x = 3\n    assert 1 < x < 5 and x\n' > test_a.py
pytest --branchcov=test_a.py --branchcov-report=json:a.json
branchcov report a.json
grep -o 'inside an assert[^"]*' a.json
#: cure
pytest --assert=plain --branchcov=test_a.py --branchcov-report=json:a.json
branchcov report a.json
! grep 'inside an assert' a.json

#: message in code that another tool rewrote: not measured
printf 'def f(x, y):\n    return 1 if x and y else 2\n' > module.py
cat > a.py <<'P'
import ast, sys

class Passed(ast.NodeTransformer):
    def visit_Name(self, node):
        if isinstance(node.ctx, ast.Store):
            return node
        return ast.copy_location(ast.Call(ast.Name("passed", ast.Load()), [node], []), node)
    def visit_BoolOp(self, node):
        self.generic_visit(node)
        return ast.copy_location(ast.Call(ast.Name("passed", ast.Load()), [node], []), node)

tree = ast.parse(open("module.py").read())
if not sys.argv[1:]:
    tree = ast.fix_missing_locations(Passed().visit(tree))
names = {"passed": lambda value: value}
exec(compile(tree, "module.py", "exec"), names)
names["f"](1, 1)
P
branchcov run --source module.py --json a.json a.py
grep -o 'in code that another[^"]*' a.json
#: cure
branchcov run --source module.py --json a.json a.py plain
! grep 'in code that another' a.json

#: message cannot be read as Python source; omit it if it is none
mkdir pkg
touch pkg/__init__.py
printf 'x = "\xff"\n' > pkg/data.py
echo 'import pkg' > a.py
branchcov run --source pkg a.py
#: cure
branchcov run --source pkg --omit pkg/data.py a.py

#: message only its byte code is there; install its source
mkdir pkg
touch pkg/__init__.py
echo 'x = 1 if len("a") else 2' > pkg/bare.py
python -m compileall -q -b pkg/bare.py
mv pkg/bare.py source.txt
echo 'import pkg.bare' > a.py
branchcov run --source pkg a.py
#: cure
branchcov run --source pkg --omit pkg/bare.py a.py
cp source.txt pkg/bare.py
branchcov run --source pkg a.py

#: message nothing of … ran
cells <<'C'
%%branchcov --source heapq
x = 1
C
#: cure
cells <<'C'
%%branchcov --source heapq
import heapq
list(heapq.merge([1], [2]))
C

#: message does not compile; omit it if it is no Python source
mkdir pkg
touch pkg/__init__.py
echo 'print "old"' > pkg/old.py
echo 'import pkg' > a.py
branchcov run --source pkg a.py
#: cure
branchcov run --source pkg --omit pkg/old.py a.py

#: message …: its text changed; what ran before that is left out
echo 'x = 1 if len("a") else 2' > a.py
branchcov run --append --data a.json a.py
echo 'y = 1 if len("a") else 2' > a.py
branchcov run --append --data a.json a.py
#: cure
rm a.json
branchcov run --append --data a.json a.py

#: message cannot be read any more; its lines cannot be shown
echo 'x = 1 if len("a") else 2' > a.py
branchcov run --data a.json a.py
mv a.py b.py
branchcov report a.json
#: cure
mv b.py a.py
branchcov report a.json

#: message changed since it was measured; run it again to see its lines
echo 'x = 1 if len("a") else 2' > a.py
branchcov run --data a.json a.py
echo 'y = 1 if len("a") else 2' > a.py
branchcov report a.json
#: cure
branchcov run --data a.json a.py
branchcov report a.json

#: message …: what changed cannot be measured: its text is another one now; run it again
git init -q .
echo 'x = 1' > a.py
git add a.py
git commit -qm one
echo 'x = 1 if len("a") else 2' > a.py
branchcov run --data a.json a.py
echo 'y = 1 if len("a") else 2' > a.py
branchcov report --patch HEAD a.json
#: cure
branchcov run --data a.json a.py
branchcov report --patch HEAD a.json

#: message …: MC/DC not measured: its text is not known
echo 'x = len("a") and len("b") and 3' > a.py
branchcov run --data a.json a.py
rm a.py
branchcov report --mcdc a.json
#: cure
echo 'x = len("a") and len("b") and 3' > a.py
branchcov report --mcdc a.json

#: message cannot be read as a notebook
echo 'x = 1 if len("a") else 2' | notebook a.ipynb
branchcov run --data a.json a.ipynb
echo '{' > a.ipynb
branchcov report --lcov a.info a.json
#: cure
echo 'x = 1 if len("a") else 2' | notebook a.ipynb
branchcov run --data a.json a.ipynb
branchcov report --lcov a.info a.json

#: message several lines of its cells stand on one line of the file
printf 'x = 1\nx = 1 if len("a") else 2\n' | notebook a.ipynb
python -c 'import json; t = json.load(open("a.ipynb")); json.dump(t, open("a.ipynb", "w"))'
branchcov run --lcov a.info a.ipynb
#: cure
python -c 'import json; t = json.load(open("a.ipynb")); json.dump(t, open("a.ipynb", "w"), indent=1)'
branchcov run --lcov a.info a.ipynb

#: message …: its kernel runs …, which is not measured
#: needs nbval
mkdir -p share/jupyter/kernels/shell
cat > share/jupyter/kernels/shell/kernel.json <<J
{"argv": ["$(command -v python)", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
 "display_name": "shell", "language": "bash"}
J
echo 'x = 1' | notebook a.ipynb
JUPYTER_PATH=$PWD/share/jupyter pytest --branchcov --nbval-lax --nbval-kernel-name=shell a.ipynb
#: cure
pytest --branchcov --nbval-lax a.ipynb

#: message the measured code replaced the trace function: what ran after that was not measured
printf 'import sys\nsys.settrace(lambda *_: None)\nx = 1 if len("a") else 2\n' > a.py
branchcov run --tracer settrace a.py
#: cure
branchcov run a.py

#: message the measured code freed the tool of sys.monitoring: what ran after that was not measured
#: needs >=3.12
cat > a.py <<'P'
import sys

for tool in range(6):
    if sys.monitoring.get_tool(tool):
        sys.monitoring.free_tool_id(tool)
x = 1 if sys.argv else 2
P
branchcov run a.py
#: cure
sed -i '3,5d' a.py
branchcov run a.py

#: message processes that were started before are not measured; start them again in a measured cell
cells <<'C'
import multiprocessing

def here(x):
    return 1 if x else 2

pool = multiprocessing.get_context("fork").Pool(1)
# %%
%%branchcov
pool.map(here, [0, 1])
# %%
pool.terminate()
C
#: cure
cells <<'C'
import multiprocessing

def here(x):
    return 1 if x else 2
# %%
%%branchcov
with multiprocessing.get_context("fork").Pool(1) as pool:
    pool.map(here, [0, 1])
    pool.close()
    pool.join()
C

#: message …, so what … is not in here; it is added when … (%branchcov_report shows it)
cells <<'C'
import multiprocessing

def here(x):
    return 1 if x else 2
# %%
%%branchcov
pool = multiprocessing.get_context("fork").Pool(1)
pool.map(here, [0, 1])
# %%
pool.close(); pool.join()
C
#: cure
cells <<'C'
import multiprocessing

def here(x):
    return 1 if x else 2
# %%
%%branchcov
pool = multiprocessing.get_context("fork").Pool(1)
pool.map(here, [0, 1])
pool.close(); pool.join()
# %%
%branchcov_report
C

#: message "# branchcov:…" is not understood; write "# branchcov: no true" or "# branchcov: no false(CONDITION)"
echo 'x = 1 if len("a") else 2  # branchcov: ignore' > a.py
branchcov run a.py
#: cure
echo 'x = 1 if len("a") else 2  # branchcov: no false' > a.py
branchcov run a.py

#: message "# branchcov:…" is not understood; a parenthesis is not closed
echo 'x = 1 if len("a") else 2  # branchcov: no false(len("a")' > a.py
branchcov run a.py
#: cure
echo 'x = 1 if len("a") else 2  # branchcov: no false(len("a"))' > a.py
branchcov run a.py

#: message …: not there; there is …
echo 'x = 1 if len("a") else 2  # branchcov: no body' > a.py
branchcov run a.py
#: cure
echo 'x = 1 if len("a") else 2  # branchcov: no false' > a.py
branchcov run a.py

#: message …: there is no branch here
printf 'x = 1 if len("a") else 2\ny = 3  # branchcov: no false\n' > a.py
branchcov run a.py
#: cure
printf 'x = 1 if len("a") else 2  # branchcov: no false\ny = 3\n' > a.py
branchcov run a.py

#: message …: it says not which; there is …
printf 'a, b = 1, 1\nx = (1 if a else 2, 1 if b else 2)  # branchcov: no false\n' > a.py
branchcov run a.py
#: cure
printf 'a, b = 1, 1\nx = (1 if a else 2, 1 if b else 2)  # branchcov: no false(a)\n' > a.py
branchcov run a.py

#: message no longer needed, for it was covered
echo 'x = [1 if a else 2 for a in (0, 1)]  # branchcov: no false' > a.py
branchcov run a.py
#: cure
echo 'x = [1 if a else 2 for a in (0, 1)]' > a.py
branchcov run a.py

#: message excluded and covered all the same
printf 'for a in (0, 1):\n    x = 1 if a else 2  # pragma: no cover\n' > a.py
branchcov run a.py
#: cure
printf 'for a in (0, 1):\n    x = 1 if a else 2\n' > a.py
branchcov run a.py

#: message "…" exempts nothing; write it with "# branchcov:"
printf 'x = len("a")\nif x < 3:  # Branchcov: no false(x < 3)\n    x = 2\n' > a.py
branchcov run a.py
#: cure
sed -i 's/# Branchcov/# branchcov/' a.py
branchcov run --fail-under 100 a.py

#: message …: compiled by …: what runs there is unseen and counts as missed
#: needs numba
cat > a.py <<'P'
import numba

@numba.njit
def f(x):
    return 1 if x > 0 else 2

print(f(3), f(-3))
P
branchcov run a.py
#: cure
NUMBA_DISABLE_JIT=1 branchcov run --fail-under 100 a.py
