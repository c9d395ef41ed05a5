# Data, configuration, reports: see tests/provoke.py for how this is read.

#: message …: cannot be read (no file has such a name); check the path
python -c 'import ipy_branchcov; ipy_branchcov.load("a\0.json")'
#: cure
echo 'x = 1' > a.py
branchcov run --data a.json a.py
python -c 'import ipy_branchcov; ipy_branchcov.load("a.json")'

#: message …: cannot be read (…); check the path
branchcov report a.json
#: cure
echo 'x = 1' > a.py
branchcov run --data a.json a.py
branchcov report a.json

#: message …: cannot be read (…); make it a file that can be read
mkdir pyproject.toml
echo 'x = 1' > a.py
branchcov run a.py
#: cure
printf '[tool.branchcov]\nprecision = 1\n' > settings.toml
branchcov run --config settings.toml a.py
rmdir pyproject.toml
branchcov run a.py

#: message …: cannot be written (no file has such a name); choose another file
python -c 'import ipy_branchcov; ipy_branchcov.Coverage().write(lcov="a\0.info")'
#: cure
python -c 'import ipy_branchcov; ipy_branchcov.Coverage().write(lcov="a.info")'

#: message …: cannot be written (…); choose another file
echo 'x = 1 if len("a") else 2' > a.py
mkdir coverage.info
branchcov run --lcov coverage.info a.py
#: cure
branchcov run --lcov all.info a.py

#: message the report cannot be written: …
echo 'x = 1 if len("a") else 2' > a.py
branchcov run --data a.json a.py
branchcov report a.json > /dev/full
#: cure
branchcov report a.json > report.txt

#: message …: not a data file of branchcov (larger than … MB)
truncate -s 2G a.json
branchcov report a.json
#: cure
echo 'x = 1' > a.py
branchcov run --data b.json a.py
branchcov report b.json

#: message …: not a data file of branchcov (not text)
printf 'SQLite\xff\xfe\x00' > .coverage
branchcov report .coverage
#: cure
echo 'x = 1' > a.py
branchcov run --data b.json a.py
branchcov report b.json

#: message …: not a data file of branchcov (no JSON)
echo 'x = 1' > a.py
branchcov report a.py
#: cure
branchcov run --data b.json a.py
branchcov report b.json

#: message …: not a data file of branchcov (lists in lists without end)
python -c 'print("[" * 200000)' > a.json
branchcov report a.json
#: cure
echo 'x = 1' > a.py
branchcov run --data b.json a.py
branchcov report b.json

#: message …: not a data file of branchcov (no "schema": "…")
echo '{"meta": {"version": "7.10"}}' > coverage.json
branchcov report coverage.json
#: cure
echo 'x = 1' > a.py
branchcov run --data b.json a.py
branchcov report b.json

#: message …: not a complete data file (…); measure again to write a new one
echo 'x = 1' > a.py
branchcov run --data a.json a.py
head -c 40 a.json > b.json
branchcov report b.json
#: cure
branchcov run --data b.json a.py
branchcov report b.json

#: message …: damaged data file (…: …); measure again to write a new one
echo 'x = 1 if len("a") else 2' > a.py
branchcov run --data a.json a.py
sed -i 's/"hits": *1/"hits": -1/' a.json
branchcov report a.json
#: cure
branchcov run --data a.json a.py
branchcov report a.json

#: message …: written as …, this version reads …; upgrade ipy-branchcov
echo 'x = 1 if len("a") else 2' > a.py
branchcov run --data a.json a.py
sed -i 's#ipy_branchcov/1#ipy_branchcov/2#' a.json
branchcov report a.json
#: cure
branchcov run --data a.json a.py
branchcov report a.json

#: message --append: adds to a data file; name it with --data
echo 'x = 1 if len("a") else 2' > a.py
branchcov run --append a.py
#: cure
branchcov run --append --data a.json a.py

#: message --source …: the data has nothing of it
echo 'x = 1 if len("a") else 2' > a.py
branchcov run --data a.json a.py
branchcov report --source b.py a.json
#: cure
branchcov report --source a.py a.json

#: message omit and include leave nothing of what was measured; check their patterns
echo 'x = 1 if len("a") else 2' > a.py
branchcov run --data a.json a.py
branchcov report --omit '*' a.json
#: cure
branchcov report --omit 'b*' a.json

#: message --context: the data has no contexts; measure with pytest --branchcov-contexts
printf 'def test_a():\n    x = 1 if len("a") else 2\n' > test_a.py
pytest --branchcov=test_a.py --branchcov-report=json:a.json
branchcov report --context test_a a.json
#: cure
pytest --branchcov=test_a.py --branchcov-report=json:a.json --branchcov-contexts
branchcov report --context test_a a.json

#: message a patch needs git (…)
echo 'x = 1 if len("a") else 2' > a.py
branchcov run --data a.json a.py
script=$(command -v branchcov)
PATH=/nowhere $script report --patch HEAD a.json
#: cure
git init -q .
git add a.py
git commit -qm one
branchcov report --patch HEAD a.json

#: message a patch needs a revision that git knows here: …
git init -q .
echo 'x = 1 if len("a") else 2' > a.py
git add a.py
git commit -qm one
branchcov run --data a.json a.py
branchcov report --patch origin/main a.json
#: cure
branchcov report --patch HEAD a.json

#: message …: no such configuration file; check the path
echo 'x = 1' > a.py
branchcov run --config setings.toml a.py
#: cure
printf '[tool.branchcov]\nprecision = 1\n' > settings.toml
branchcov run --config settings.toml a.py

#: message …: not UTF-8 (… at byte …); save it as UTF-8
printf '[tool.branchcov]\nomit = ["\xfc.py"]\n' > pyproject.toml
echo 'x = 1' > a.py
branchcov run a.py
#: cure
iconv -f latin1 -t utf-8 pyproject.toml > new
mv new pyproject.toml
branchcov run a.py

#: message …: not valid TOML (…)
printf '[tool.branchcov]\nomit = [*.py]\n' > pyproject.toml
echo 'x = 1' > a.py
branchcov run a.py
#: cure
printf '[tool.branchcov]\nomit = ["*.txt"]\n' > pyproject.toml
branchcov run a.py

#: message …: not a configuration file (…)
printf 'omit = *.py\n' > .coveragerc
echo 'x = 1' > a.py
branchcov run a.py
#: cure
printf '[run]\nomit = *.txt\n' > .coveragerc
branchcov run a.py

#: message …: [tool.branchcov] must be a table
printf '[tool]\nbranchcov = true\n' > pyproject.toml
echo 'x = 1' > a.py
branchcov run a.py
#: cure
printf '[tool.branchcov]\nprecision = 1\n' > pyproject.toml
branchcov run a.py

#: message …: [tool.branchcov] …: unknown option; there are …
printf '[tool.branchcov]\nfail-undre = 3\n' > pyproject.toml
echo 'x = 1' > a.py
branchcov run a.py
#: cure
printf '[tool.branchcov]\nprecision = 1\n' > pyproject.toml
branchcov run a.py

#: message …: [tool.coverage] must have tables only
printf '[tool.coverage]\nbranch = true\n' > pyproject.toml
echo 'x = 1' > a.py
branchcov run a.py
#: cure
printf '[tool.coverage.run]\nbranch = true\n' > pyproject.toml
branchcov run a.py

#: message …: coverage.py's settings hold here (…), for there is no [tool.branchcov]
printf '[tool.coverage.run]\nomit = ["*.txt"]\n' > pyproject.toml
echo 'x = 1' > a.py
branchcov run a.py
#: cure
printf '[tool.branchcov]\nomit = ["*.txt"]\n' > pyproject.toml
branchcov run a.py

#: message …: has no settings of branchcov, nor any of coverage.py with the same meaning
printf '[tool.black]\nline-length = 99\n' > other.toml
echo 'x = 1' > a.py
branchcov run --config other.toml a.py
#: cure
printf '[tool.branchcov]\nomit = ["*.txt"]\n' > own.toml
branchcov run --config own.toml a.py

#: message must be true or false, not …
printf '[tool.branchcov]\ncounts = "yes"\n' > pyproject.toml
echo 'x = 1' > a.py
branchcov run a.py
#: cure
printf '[tool.branchcov]\ncounts = true\n' > pyproject.toml
branchcov run a.py

#: message must be a number from 0 to 100, not …
echo 'x = 1 if len("a") else 2' > a.py
branchcov run --fail-under 90% a.py
#: cure
branchcov run --fail-under 0 a.py

#: message must be a whole number from 1 on, not …
echo 'x = 1' | notebook a.ipynb
branchcov run -j 0 a.ipynb
#: cure
branchcov run -j 1 a.ipynb

#: message must be a number of seconds above 0, not …
printf 'def f(x):\n    return 1 if x else 2\n' > a.py
branchcov suggest --seconds 0 a.py::f
#: cure
branchcov suggest --seconds 5 a.py::f

#: message must be a whole number from 0 to 9, not …
echo 'x = 1' > a.py
branchcov run --precision 12 a.py
#: cure
branchcov run --precision 2 a.py

#: message must be a text, not …
echo 'x = 1' > a.py
branchcov run --tracer '' a.py
#: cure
branchcov run --tracer auto a.py

#: message must be a path, not …
echo 'x = 1' > a.py
branchcov run --html '' a.py
#: cure
branchcov run --html report a.py

#: message must be a list of strings
printf '[tool.branchcov]\nomit = [3]\n' > pyproject.toml
echo 'x = 1' > a.py
branchcov run a.py
#: cure
printf '[tool.branchcov]\nomit = ["*.txt"]\n' > pyproject.toml
branchcov run a.py

#: message must be a table of lists of folders
printf '[tool.branchcov]\npaths = ["src"]\n' > pyproject.toml
echo 'x = 1' > a.py
branchcov run a.py
#: cure
printf '[tool.branchcov.paths]\nname = ["src", "*/site-packages"]\n' > pyproject.toml
branchcov run a.py

#: message no kind of branch is called …; there are …
printf '[tool.branchcov]\noptional = ["loop"]\n' > pyproject.toml
echo 'x = 1' > a.py
branchcov run a.py
#: cure
printf '[tool.branchcov]\noptional = ["for"]\n' > pyproject.toml
branchcov run a.py
