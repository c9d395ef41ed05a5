# Kernels, engines, suggestions: see tests/provoke.py for how this is read.

#: message running notebooks needs …: pip install 'ipy-branchcov[run]'
mkdir hidden
echo 'x = 1' | notebook a.ipynb
echo 'raise ModuleNotFoundError("No module named nbclient", name="nbclient")' > hidden/nbclient.py
PYTHONPATH=$PWD/hidden:$PYTHONPATH branchcov run a.ipynb
#: cure
branchcov run a.ipynb

#: message …: no kernel … here; python -m ipykernel install installs one
echo 'x = 1' | notebook a.ipynb
sed -i 's/"name": "python3"/"name": "julia-1.11"/' a.ipynb
branchcov run a.ipynb
#: cure
sed -i 's/"name": "julia-1.11"/"name": "python3"/' a.ipynb
branchcov run a.ipynb

#: message …: not a Jupyter notebook; open and save it in Jupyter
echo 'x = 1' > a.ipynb
branchcov run a.ipynb
#: cure
echo 'x = 1' | notebook a.ipynb
branchcov run a.ipynb

#: message …: failed; no cell below it ran
printf 'x = 1 / 0\n# %%%%\ny = 1 if len("a") else 2\n' | notebook a.ipynb
branchcov run a.ipynb
#: cure
printf 'x = 1 / 1\n# %%%%\ny = 1 if len("a") else 2\n' | notebook a.ipynb
branchcov run a.ipynb

#: message …: the kernel died in it, so it was not measured
printf 'import os\nos._exit(3)\n' | notebook a.ipynb
branchcov run a.ipynb
#: cure
echo 'x = 1' | notebook a.ipynb
branchcov run a.ipynb

#: message the kernel cannot measure: …
mkdir -p kernels/bare/ipy_branchcov share/jupyter/kernels/bare
echo 'raise ModuleNotFoundError("No module named \x27ipy_branchcov\x27")' > kernels/bare/ipy_branchcov/__init__.py
cat > share/jupyter/kernels/bare/kernel.json <<J
{"argv": ["$(command -v python)", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
 "display_name": "bare", "language": "python", "env": {"PYTHONPATH": "$PWD/kernels/bare"}}
J
echo 'x = 1' | notebook a.ipynb
sed -i 's/"name": "python3"/"name": "bare"/' a.ipynb
JUPYTER_PATH=$PWD/share/jupyter branchcov run a.ipynb
#: cure
rm -r kernels/bare/ipy_branchcov
sed -i "s#\"env\": .*#\"env\": {\"PYTHONPATH\": \"$PYTHONPATH\"}}#" share/jupyter/kernels/bare/kernel.json
JUPYTER_PATH=$PWD/share/jupyter branchcov run a.ipynb

#: message …: not measured
#: shows cells 2 to 3: not measured
printf 'x = 1 / 0 if len("a") else 2\n# %%%%\ny = 1 if len("a") else 2\n# %%%%\nz = 1 if len("a") else 2\n' | notebook a.ipynb
branchcov run a.ipynb --html pages || cat pages/*.html
#: cure
printf 'x = 1 / 1\n# %%%%\ny = 1 if len("a") else 2\n' | notebook a.ipynb
branchcov run a.ipynb --html pages

#: message engines: … is no client of Dask or ipyparallel, not Ray, and no branchcov Engine
python -c 'import ipy_branchcov; ipy_branchcov.measure("json", engines=3).__enter__()'
#: cure
python -c 'import ipy_branchcov; ipy_branchcov.measure("json").__enter__()'

#: message engines: … is no client; make one of it: Client(cluster)
#: needs distributed
cat > a.py <<'P'
from distributed import Client, LocalCluster

import ipy_branchcov

if __name__ == "__main__":
    with LocalCluster(n_workers=1, processes=False, dashboard_address=None) as cluster, Client(cluster) as client:
        with ipy_branchcov.measure("json", engines=cluster) as run:
            pass
P
python a.py
#: cure
sed -i 's/engines=cluster/engines=client/' a.py
python a.py

#: message engines: an asynchronous client cannot be waited for; use Client(client.scheduler.address)
#: needs distributed
cat > a.py <<'P'
import asyncio
from distributed import Client, LocalCluster

import ipy_branchcov

def measure(address):
    with Client(address) as client, ipy_branchcov.measure("json", engines=client):
        pass

async def main():
    async with Client(n_workers=1, processes=False, dashboard_address=None, asynchronous=True) as client:
        with ipy_branchcov.measure("json", engines=client) as run:
            pass

if __name__ == "__main__":
    asyncio.run(main())
P
python a.py
#: cure
cat >> a.py <<'P'
P
sed -i 's/        with ipy_branchcov.measure.*/        await asyncio.to_thread(measure, client.scheduler.address)/; /^            pass/d' a.py
python a.py

#: message engines: the client is …; make another one
#: needs distributed
cat > a.py <<'P'
from distributed import Client

import ipy_branchcov

if __name__ == "__main__":
    client = Client(n_workers=1, processes=False, dashboard_address=None)
    client.close()
    with ipy_branchcov.measure("json", engines=client) as run:
        pass
P
python a.py
#: cure
sed -i '/close/d' a.py
python a.py

#: message engines: Ray is not started; start it: …
#: needs ray
python -c 'import ray, ipy_branchcov; ipy_branchcov.measure("json", engines=ray).__enter__()'
#: cure
cat > a.py <<'P'
import ray

import ipy_branchcov

hook = {"worker_process_setup_hook": "ipy_branchcov.engines.ray_worker"}
ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, runtime_env=hook)
with ipy_branchcov.measure("json", engines=ray) as run:
    pass
P
python a.py

#: message engines: Ray's workers were started without branchcov; start them so: …
#: needs ray
cat > a.py <<'P'
import ray

import ipy_branchcov

ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
with ipy_branchcov.measure("json", engines=ray) as run:
    pass
P
python a.py
#: cure
sed -i 's/log_to_driver=False/&, runtime_env={"worker_process_setup_hook": "ipy_branchcov.engines.ray_worker"}/' a.py
python a.py

#: message engines: … is no client and no view; connect one: ipyparallel.Client()
#: needs ipyparallel
python -c 'import ipyparallel, ipy_branchcov; ipy_branchcov.measure("json", engines=ipyparallel.Cluster(n=1)).__enter__()'
#: cure
cat > a.py <<'P'
import ipyparallel
import ipy_branchcov

if __name__ == "__main__":
    with ipyparallel.Cluster(n=1, log_level=40) as client, ipy_branchcov.measure("json", engines=client):
        pass
P
python a.py

#: message …: name a function as FILE.py::FUNCTION or FILE.py::CLASS.METHOD
printf 'def f(x):\n    return 1 if x else 2\n' > a.py
branchcov suggest a.f
#: cure
branchcov suggest a.py::f

#: message …: it is defined in …; name it there
printf 'def f(x):\n    return 1 if x else 2\n' > a.py
echo 'from a import f' > b.py
branchcov suggest b.py::f
#: cure
branchcov suggest a.py::f

#: message … cannot be imported: …: …
printf 'import nosuchmodule\ndef f(x):\n    return 1 if x else 2\n' > a.py
branchcov suggest a.py::f
#: cure
sed -i 1d a.py
branchcov suggest a.py::f

#: message … cannot be imported: it exits with …
printf 'import sys\ndef f(x):\n    return 1 if x else 2\nsys.exit(f(1))\n' > a.py
branchcov suggest a.py::f
#: cure
sed -i 's/^sys/if __name__ == "__main__": sys/' a.py
branchcov suggest a.py::f

#: message …: another module called … is imported instead; rename one of them
printf 'def f(x):\n    return 1 if x else 2\n' > json.py
branchcov suggest json.py::f
#: cure
mv json.py shapes.py
branchcov suggest shapes.py::f

#: message … starts threads when it is imported; trials do not have them
printf 'import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n' > a.py
printf 'def f(x):\n    return 1 if x else 2\n' >> a.py
branchcov suggest a.py::f
#: cure
sed -i 2d a.py
branchcov suggest a.py::f
