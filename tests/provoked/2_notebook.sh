# In a notebook: see tests/provoke.py for how this is read.

#: message %%branchcov takes options only, not …; the code goes below it
cells <<'C'
%%branchcov x = 1
C
#: cure
cells <<'C'
%%branchcov
x = 1
C

#: message %branchcov STATEMENT, or %%branchcov above a cell
echo '%branchcov' | cells
#: cure
echo '%branchcov x = 1 if len("a") else 2' | cells

#: message %branchcov_suggest in a measured cell would be measured; use a cell of its own
cells <<'C'
def f(x):
    return 1 if x > 4 else 2
# %%
%%branchcov
%branchcov_suggest f
C
#: cure
cells <<'C'
def f(x):
    return 1 if x > 4 else 2
# %%
%branchcov_suggest f
C

#: message %branchcov_watch needs a notebook; %branchcov_report shows the same in a terminal
echo '%branchcov_watch' | cells
#: cure
printf '%%%%branchcov\nx = 1 if len("a") else 2\n# %%%%\n%%branchcov_report\n' | cells

#: message nothing is called …; define or import it first
printf '%%branchcov_watch gcd\n' | kernel
#: cure
kernel <<'C'
def gcd(a, b):
    return gcd(b, a % b) if b else a
# %%
%branchcov_watch gcd
C

#: message nothing called … was measured; there is …
cells <<'C'
%%branchcov
def gcd(a, b):
    return gcd(b, a % b) if b else a
# %%
%branchcov_report gdc
C
#: cure
cells <<'C'
%%branchcov
def gcd(a, b):
    return gcd(b, a % b) if b else a
# %%
%branchcov_report gcd
C

#: message … was not measured; there is …
cat > a.py <<'P'
import ipy_branchcov

with ipy_branchcov.measure() as run:
    x = 1 if len("a") else 2
print(run.coverage["b.py"].missed)
P
python a.py
#: cure
sed -i 's/"b.py"/"a.py"/' a.py
python a.py

#: message --graph …: no function of that name ran; there is …
cells <<'C'
def f(x):
    return 1 if x else 2
# %%
%%branchcov --graph f
x = 1
C
#: cure
cells <<'C'
def f(x):
    return 1 if x else 2
# %%
%%branchcov --graph f
f(1)
C

#: message --engines …: there is no variable …; make the client in a cell above
#: needs distributed
cells <<'C'
%%branchcov --engines client
x = 1
C
#: cure
cells <<'C'
from distributed import Client
client = Client(n_workers=1, processes=False, dashboard_address=None)
# %%
%%branchcov --engines client
client.submit(lambda x: 1 if x else 2, 1).result()
C

#: message --engines …: …
#: shows --engines client: … is no client of Dask or ipyparallel
cells <<'C'
client = 3
# %%
%%branchcov --engines client
x = 1
C
#: cure
cells <<'C'
client = 3
# %%
%%branchcov
x = 1
C

#: message must be the name of a variable, not …
cells <<'C'
%%branchcov -o 3x
x = 1
C
#: cure
cells <<'C'
%%branchcov -o found
x = 1
C

#: message must be … or …, not …
cells <<'C'
%%branchcov --view picture
x = 1
C
#: cure
cells <<'C'
%%branchcov --view text
x = 1
C

#: message no function called …; there is …
cells <<'C'
def classify(x):
    return 1 if x > 4 else 2
# %%
%branchcov_suggest clasify
C
#: cure
cells <<'C'
def classify(x):
    return 1 if x > 4 else 2
# %%
%branchcov_suggest classify
C

#: message …: there is no … in …
cells <<'C'
class Box:
    def size(self, x):
        return 1 if x > 4 else 2
# %%
%branchcov_suggest Box.sise
C
#: cure
cells <<'C'
class Box:
    def size(self, x):
        return 1 if x > 4 else 2
# %%
%branchcov_suggest Box.size
C

#: message …: this class makes its objects without code in Python; name one of its methods
cells <<'C'
class Box:
    def size(self, x):
        return 1 if x > 4 else 2
# %%
%branchcov_suggest Box
C
#: cure
cells <<'C'
class Box:
    def size(self, x):
        return 1 if x > 4 else 2
# %%
%branchcov_suggest Box.size
C

#: message …: no function that is written in Python
printf 'from math import gcd\n# %%%%\n%%branchcov_suggest gcd\n' | cells
#: cure
cells <<'C'
def size(x):
    return len(x) if x else 0
# %%
%branchcov_suggest size
C

#: message …: its source is not known; run the cell that defines it again
cells <<'C'
exec("def f(x):\n    return 1 if x > 4 else 2")
# %%
%branchcov_suggest f
C
#: cure
cells <<'C'
def f(x):
    return 1 if x > 4 else 2
# %%
%branchcov_suggest f
C

#: message …: its source does not compile any more; run it again
printf 'def f(x):\n    return 1 if x > 4 else 2\n' > module.py
cells <<'C'
from module import f
# %%
from pathlib import Path
_ = Path("module.py").write_text("def f(x):\n    return 1 if x >> else 2\n")
# %%
%branchcov_suggest f
C
#: cure
printf 'def f(x):\n    return 1 if x > 4 else 2\n' > module.py
cells <<'C'
from module import f
# %%
%branchcov_suggest f
C

#: message --crosshair: CrossHair is not installed; pip install crosshair-tool
cells <<'C'
def f(x):
    return 1 if x > 4 else 2
# %%
%branchcov_suggest --crosshair f
C
#: cure
cells <<'C'
def f(x):
    return 1 if x > 4 else 2
# %%
%branchcov_suggest f
C

#: message … is not a regular expression (…)
printf '[tool.branchcov]\nexclude_also = ["raise ("]\n' > pyproject.toml
echo 'x = 1' > a.py
branchcov run a.py
#: cure
printf '[tool.branchcov]\nexclude_also = ["raise \\\\("]\n' > pyproject.toml
branchcov run a.py
