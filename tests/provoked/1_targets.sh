# What is to be measured: see tests/provoke.py for how this is read.

#: message …: no such file; check the path
branchcov run nosuch.py
#: cure
echo 'x = 1' > such.py
branchcov run such.py

#: message error: the following arguments are required: TARGET; try branchcov run --help
branchcov run
#: cure
echo 'x = 1' > a.py
branchcov run a.py

#: message error: …; try … --help
echo 'x = 1 if len("a") else 2' > a.py
branchcov run --fail-undre 90 a.py
#: cure
branchcov run --fail-under 0 a.py

#: message a notebook takes no arguments; remove what follows --
echo 'x = 1' | notebook a.ipynb
branchcov run a.ipynb -- 3
#: cure
branchcov run a.ipynb

#: message -m …: no module of that name; check the spelling
branchcov run -m nosuchmodule
#: cure
echo 'x = 1' > nosuchmodule.py
branchcov run -m nosuchmodule

#: message …: no module of that name is found by this Python; name its folder, …
mkdir -p src/app
echo 'x = 1 if len("a") else 2' | tee a.py > src/app/__init__.py
branchcov run --source app a.py
#: cure
branchcov run --source src/app a.py

#: message …: not used here: …; docs/coming-from-coverage-py.md says what takes their place
echo 'x = 1 if len("a") else 2' > a.py
printf '[run]\nomit = b.py\nplugins = one\n' > .coveragerc
branchcov run a.py
#: cure
printf '[run]\nomit = b.py\n' > .coveragerc
branchcov run a.py

#: message not used where sources are named, and in reports of data; coverage.py ignores it there, too
echo 'x = 1 if len("a") else 2' > a.py
printf '[run]\nsource = .\ninclude = a.py\n' > .coveragerc
branchcov run a.py
#: cure
printf '[run]\nsource = .\n' > .coveragerc
branchcov run a.py

#: message not used, for [report] has include, too, and there is one here
echo 'x = 1 if len("a") else 2' > a.py
printf '[run]\ninclude = *.py\n[report]\ninclude = a.py\n' > .coveragerc
branchcov run a.py
#: cure
printf '[report]\ninclude = a.py\n' > .coveragerc
branchcov run a.py

#: message -m: a module runs alone; run … by itself
echo 'x = 1' | tee a.py | notebook a.ipynb
branchcov run a.ipynb -m a
#: cure
branchcov run -m a

#: message -m: needs the name of a module behind it
branchcov run -m
#: cure
echo 'x = 1' > a.py
branchcov run -m a

#: message …: a script runs alone; run … by itself
echo 'x = 1' | tee a.py | notebook a.ipynb
branchcov run a.ipynb a.py
#: cure
branchcov run a.py
branchcov run a.ipynb

#: message …: a folder without __main__.py; name a file in it, or -m and a package
mkdir app
echo 'x = 1' > app/start.py
branchcov run app
#: cure
branchcov run app/start.py

#: message …: cannot be read as Python source
printf 'x = "\xff\xfe"\n' > a.py
branchcov run a.py
#: cure
printf 'x = "\xc3\xbf"\n' > a.py
branchcov run a.py

#: message …: no module, directory or file of that name; check the spelling
echo 'x = 1' > a.py
branchcov run --source mypackgae a.py
#: cure
mkdir mypackage
touch mypackage/__init__.py
branchcov run --source mypackage a.py

#: message its code lies in an archive; unpack that, and name the folder
echo 'x = 1 if len("a") else 2' > inside.py
python -m zipfile -c lib.zip inside.py
rm inside.py
echo 'import sys; sys.path.insert(0, "lib.zip"); import inside' > a.py
PYTHONPATH=$PYTHONPATH:lib.zip branchcov run --source inside a.py
#: cure
python -m zipfile -e lib.zip lib
PYTHONPATH=$PYTHONPATH:lib branchcov run --source lib -m inside

#: message …: compiled (a …); name a module that is written in Python
echo 'x = 1' > a.py
branchcov run --source yaml._yaml a.py || branchcov run --source _ctypes a.py
#: cure
branchcov run --source ctypes a.py

#: message …: only its byte code is there; install its source
echo 'x = 1' > bare.py
python -m compileall -q -b bare.py
mv bare.py source.txt
echo 'import sys; sys.path.insert(0, ""); import bare' > a.py
PYTHONPATH=$PYTHONPATH:. branchcov run --source bare a.py
#: cure
cp source.txt bare.py
PYTHONPATH=$PYTHONPATH:. branchcov run --source bare a.py

#: message compiled: … is a …
mkdir pkg
echo 'import json' > a.py
echo 'x = 1' | tee pkg/__init__.py > pkg/fast.py
touch pkg/fast$(python -c "import sysconfig; print(sysconfig.get_config_var('EXT_SUFFIX'))")
branchcov run --source pkg a.py
#: cure
branchcov run --source pkg --omit 'pkg/fast.py' a.py
rm pkg/fast*.so
branchcov run --source pkg a.py

#: message …: not written in Python (…), nothing to measure
echo 'x = 1' > a.py
branchcov run --source sys a.py
#: cure
branchcov run --source json a.py

#: message measure(): the text of … is not known here; name a module: measure('mypackage')
cat > made.py <<'P'
x = 1
P
cat > a.py <<'P'
text = "import ipy_branchcov\nwith ipy_branchcov.measure(SOURCE) as run:\n    import made\nprint(run.coverage)"
exec(compile(text.replace("SOURCE", ""), "<made>", "exec"))
P
python a.py
#: cure
sed -i 's/"SOURCE", ""/"SOURCE", "\x27made\x27"/' a.py
python a.py

#: message measured: … is a generator; put the loop over it below measure()
cat > a.py <<'P'
import ipy_branchcov

def numbers():
    yield 1 if len("a") else 2

ipy_branchcov.measured(numbers)
P
python a.py
#: cure
sed -i '$d' a.py
cat >> a.py <<'P'
with ipy_branchcov.measure() as run:
    for x in numbers():
        pass
print(run.coverage)
P
python a.py

#: message measured: … is not a function written in Python
python -c 'import ipy_branchcov; ipy_branchcov.measured(len)'
#: cure
cat > a.py <<'P'
import ipy_branchcov

@ipy_branchcov.measured
def size(x):
    return len(x) if x else 0

size("a")
print(size.coverage)
P
python a.py

#: message a run is being measured already; end it first
cat > a.py <<'P'
import ipy_branchcov
from ipy_branchcov.session.options import RunOptions

session = ipy_branchcov.Session()
session.start()
session.start()
P
python a.py
#: cure
sed -i '$d' a.py
echo 'session.stop(); session.start(); session.stop()' >> a.py
python a.py

#: message no tracer … on Python …; choose …
echo 'x = 1' > a.py
branchcov run --tracer bytecodes a.py
#: cure
branchcov run --tracer auto a.py

#: message no free tool of sys.monitoring (…): stop one, or choose the tracer settrace
#: needs >=3.12
cat > a.py <<'P'
import sys

import ipy_branchcov

held = [each for each in range(6) if sys.monitoring.get_tool(each) is None]
for each in held:
    sys.monitoring.use_tool_id(each, f"profiler {each}")
with ipy_branchcov.measure() as run:
    x = 1 if held else 2
print(run.coverage)
P
python a.py
#: cure
sed -i 's/^with/for each in held: sys.monitoring.free_tool_id(each)\nwith/' a.py
python a.py

#: message …: …: no such configuration file; check the path
echo 'x = 1 if len("a") else 2' > a.py
COVERAGE_RCFILE=none.ini branchcov run a.py
#: cure
printf '[report]\nprecision = 2\n' > some.ini
COVERAGE_RCFILE=some.ini branchcov run a.py

#: message …: the variable … of the environment must be set
echo 'x = 1 if len("a") else 2' > a.py
printf '[run]\nomit = ${BUILD_FOLDER?}/*\n' > .coveragerc
branchcov run a.py
#: cure
BUILD_FOLDER=build branchcov run a.py
