# Gates: see tests/provoke.py for how this is read.

#: message branch coverage … is below …%
echo 'x = 1 if len("a") else 2' > a.py
branchcov run --fail-under 90 a.py
#: cure
echo 'x = [1 if each else 2 for each in ("a", "")]' > a.py
branchcov run --fail-under 90 a.py

#: message … is below …% (…)
printf 'def f(a, b):\n    return 1 if a and b else 2\nf(1, 1), f(0, 1)\n' > a.py
branchcov run --mcdc --fail-under-mcdc 90 a.py
#: cure
echo 'f(1, 0)' >> a.py
branchcov run --mcdc --fail-under-mcdc 90 a.py

#: message …: there is nothing that a gate could check, so it fails
echo 'x = 1' > a.py
branchcov run --fail-under 90 a.py
#: cure
echo 'y = 1 if x else 2; z = [1 if each else 2 for each in (0, 1)]' >> a.py
branchcov run --fail-under 50 a.py

#: message …: nothing is measured without --branchcov; add it
echo 'def test_a(): x = [1 if each else 2 for each in (0, 1)]' > test_a.py
pytest --branchcov-fail-under=50 test_a.py
#: cure
pytest --branchcov --branchcov-fail-under=50 test_a.py

#: message … lost: coverage is incomplete, so the gate fails
cat > a.py <<'P'
import os, signal
child = os.fork()
if not child:
    os.kill(os.getpid(), signal.SIGKILL)
os.waitpid(child, 0)
P
branchcov run --data a.json a.py
branchcov report --fail-under 10 a.json
#: cure
sed -i 's/os.kill.*/os._exit(0)/' a.py
branchcov run --data a.json a.py
branchcov report --fail-under 10 a.json

#: message …: …; so the gate fails
mkdir pkg
touch pkg/__init__.py
printf 'x = "\xff"\n' > pkg/data.py
echo 'import pkg; x = 1 if len("a") else 2' > a.py
branchcov run --source pkg --source a.py --fail-under 10 a.py
#: cure
branchcov run --source pkg --source a.py --fail-under 10 --omit pkg/data.py a.py

#: message …:…:…: … …: covered in the baseline, not any more
printf 'def f(x):\n    return 1 if x else 2\n' > shapes.py
printf 'from shapes import f\n\ndef test_f():\n    assert f(1) == 1\n    assert f(0) == 2\n' > test_f.py
pytest --branchcov=shapes --branchcov-report=json:base.json
sed -i '$d' test_f.py
pytest --branchcov=shapes --branchcov-baseline=base.json
#: cure
echo '    assert f(0) == 2' >> test_f.py
pytest --branchcov=shapes --branchcov-baseline=base.json

#: message not measured: …
#: shows not measured: a.py
printf 'def f(x):\n    return 1 if x else 2\nf(1)\n' > a.py
printf 'y = [1 if each else 2 for each in (0, 1)]\n' > b.py
branchcov run --data old.json a.py
branchcov run --data new.json b.py
branchcov diff old.json new.json
#: cure
branchcov run --data new.json a.py
branchcov diff old.json new.json
