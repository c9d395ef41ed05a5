# Losses: see tests/provoke.py for how this is read.

#: message a process was killed, or has not ended: …
cat > a.py <<'P'
import os, signal
child = os.fork()
if not child:
    os.kill(os.getpid(), signal.SIGKILL)
os.waitpid(child, 0)
P
branchcov run a.py
#: cure
sed -i 's/os.kill.*/os._exit(0)/' a.py
branchcov run a.py

#: message a process was not measured: …
printf 'x = 1 if __name__ else 2\n' > b.py
printf 'import sys\nsys.modules["dataclasses"] = None\nimport b\n' > c.py
printf 'import subprocess, sys\nsubprocess.run([sys.executable, "c.py"])\n' > a.py
branchcov run --source b.py a.py
#: cure
sed -i '/dataclasses/d' c.py
branchcov run --source b.py a.py

#: message an exec failed after the data had been written; functions that ran then were not measured
printf '\0\1' > bad
chmod +x bad
printf 'import os\ntry:\n    os.execv("./bad", ["bad"])\nexcept OSError:\n    x = 1 if os else 2\n' > a.py
branchcov run a.py
#: cure
sed -i 's/os.execv.*/os.execlp("true", "true")/' a.py
branchcov run a.py

#: message processes that were started: not measured: …
cat > a.py <<'P'
import tempfile

import ipy_branchcov

tempfile.tempdir = "/nowhere"
with ipy_branchcov.measure() as run:
    x = 1 if len("a") else 2
print(run.coverage.lost)
P
python a.py
#: cure
mkdir temporary
sed -i 's#/nowhere#temporary#' a.py
python a.py

#: message …: not measured as a callback of a tool: Python sends no events there
#: needs >=3.12
cat > a.py <<'P'
import sys

def seen(code, line):
    return 1 if line else 2

sys.monitoring.use_tool_id(4, "mine")
sys.monitoring.register_callback(4, sys.monitoring.events.LINE, seen)
sys.monitoring.set_events(4, sys.monitoring.events.LINE)
x = 1
sys.monitoring.set_events(4, 0)
P
branchcov run a.py
#: cure
sed -i '/^sys/d' a.py
echo 'seen(None, 3)' >> a.py
branchcov run a.py

#: message …: not measured where a callback of a tool calls it: Python sends no events there
#: needs >=3.12
cat > tool.py <<'P'
import sys

def seen(code, line):
    helper(line)

def start():
    sys.monitoring.use_tool_id(4, "mine")
    sys.monitoring.register_callback(4, sys.monitoring.events.LINE, seen)
    sys.monitoring.set_events(4, sys.monitoring.events.LINE)
P
cat > a.py <<'P'
import sys
import tool

def helper(line):
    return 1 if line else 2

tool.helper = helper
tool.start()
x = 1
sys.monitoring.set_events(4, 0)
P
branchcov run --source a.py a.py
#: cure
sed -i '/^tool.start/d; /^sys/d' a.py
echo 'helper(3)' >> a.py
branchcov run --source a.py a.py

#: message worker …: crashed, so its coverage is lost
#: needs xdist
printf 'import os\n\ndef test_a():\n    os.kill(os.getpid(), 9)\n' > test_a.py
pytest -p xdist -n 1 --branchcov=test_a.py
#: cure
printf 'import os\n\ndef test_a():\n    os.kill(os.getpid(), 0)\n' > test_a.py
pytest -p xdist -n 1 --branchcov=test_a.py

#: message worker …: could not start: …
#: needs xdist
printf 'import os\nif os.environ.get("PYTEST_XDIST_WORKER"):\n    raise KeyError("no such host")\n' > conftest.py
printf 'def test_a():\n    pass\n' > test_a.py
pytest -p xdist --tx popen --dist load --branchcov=test_a.py
#: cure
rm conftest.py
pytest -p xdist --tx popen --dist load --branchcov=test_a.py

#: message xdist: no worker can start; the last one: …
#: needs xdist
printf 'import os\nif os.environ.get("PYTEST_XDIST_WORKER"):\n    raise KeyError("no such host")\n' > conftest.py
printf 'def test_a():\n    pass\n' > test_a.py
pytest -p xdist --tx popen --dist load --branchcov=test_a.py
#: cure
rm conftest.py
pytest -p xdist --tx popen --dist load --branchcov=test_a.py

#: message worker …: not measured: its run has no --branchcov; install the same version
#: needs xdist
cat > conftest.py <<'P'
import pytest

@pytest.hookimpl(trylast=True)
def pytest_configure(config):
    if hasattr(config, "workerinput"):
        config.pluginmanager.unregister(name="_branchcov")
P
printf 'def test_a():\n    pass\n' > test_a.py
pytest -p xdist -n 1 --branchcov=test_a.py
#: cure
rm conftest.py
pytest -p xdist -n 1 --branchcov=test_a.py

#: message worker …: its data cannot be read (…); install the same version
#: needs xdist
cat > conftest.py <<'P'
import pytest

@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    if hasattr(session.config, "workerinput"):
        session.config.workeroutput["branchcov"] = "another form"
P
printf 'def test_a():\n    pass\n' > test_a.py
pytest -p xdist -n 1 --branchcov=test_a.py
#: cure
rm conftest.py
pytest -p xdist -n 1 --branchcov=test_a.py

#: message …: its kernel died, so the cell was not measured
#: needs nbval
printf 'x = 1\n# %%%%\nimport os\nos._exit(3)\n' | notebook a.ipynb
pytest --branchcov --nbval-lax --nbval-cell-timeout=5 a.ipynb
#: cure
printf 'x = 1\n# %%%%\nimport os\n' | notebook a.ipynb
pytest --branchcov --nbval-lax a.ipynb

#: message …: not measured: …
#: shows LOST a.ipynb: not measured: the kernel cannot measure: …
#: needs nbval
mkdir -p bare/ipy_branchcov share/jupyter/kernels/bare
echo 'raise ModuleNotFoundError("No module named \x27ipy_branchcov\x27")' > bare/ipy_branchcov/__init__.py
cat > share/jupyter/kernels/bare/kernel.json <<J
{"argv": ["$(command -v python)", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
 "display_name": "bare", "language": "python", "env": {"PYTHONPATH": "$PWD/bare"}}
J
echo 'x = 1' | notebook a.ipynb
JUPYTER_PATH=$PWD/share/jupyter pytest --branchcov --nbval-lax --nbval-kernel-name=bare a.ipynb
#: cure
rm -r bare/ipy_branchcov
sed -i "s#\"env\": .*#\"env\": {\"PYTHONPATH\": \"$PYTHONPATH\"}}#" share/jupyter/kernels/bare/kernel.json
JUPYTER_PATH=$PWD/share/jupyter pytest --branchcov --nbval-lax --nbval-kernel-name=bare a.ipynb

#: message ended before its data could be collected; what it ran is lost
#: needs distributed
cat > a.py <<'P'
import os
from distributed import Client
import ipy_branchcov

if __name__ == "__main__":
    with Client(n_workers=1, threads_per_worker=1, dashboard_address=None) as client:
        with ipy_branchcov.measure("colorsys", engines=client) as run:
            client.submit(lambda: __import__("colorsys").rgb_to_hsv(1, 2, 3)).result()
            worker = next(iter(client.cluster.workers.values()))
            worker.process.process._process.kill(); worker.process.process._process.join()
        print(run.coverage.lost)
P
python a.py
#: cure
sed -i '/worker = /d; /kill()/d' a.py
python a.py

#: message ended in a task or goes on with it; what it ran since its last result is not measured
#: needs ray
cat > a.py <<'P'
import os
import ray
import ipy_branchcov

hook = {"worker_process_setup_hook": "ipy_branchcov.engines.ray_worker"}
ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, runtime_env=hook)

@ray.remote(max_retries=0)
def task():
    __import__("colorsys").rgb_to_hsv(1, 2, 3)
    os.kill(os.getpid(), 9)

with ipy_branchcov.measure("colorsys", engines=ray) as run:
    ray.wait([task.remote()])
print(run.coverage.lost)
P
python a.py
#: cure
sed -i '/os.kill/d' a.py
python a.py

#: message worker …: … has another text there, so it is left out; give it the same one
#: shows LOST worker gw0: m.py has another text there, so it is left out; give it the same one
#: needs xdist
mkdir there
printf 'def f(x):\n    return 1 if x else 2\n' > m.py
printf 'from m import f\ndef test_it(): f(1)\n' > test_m.py
cp m.py test_m.py there
echo 'x = 1' >> there/m.py
pytest --branchcov=m -d --tx popen//chdir=$PWD/there
#: cure
cp m.py there
pytest --branchcov=m -d --tx popen//chdir=$PWD/there
