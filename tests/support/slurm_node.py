"""A Slurm cluster of this one machine, private to a test: own folder, own ports, own munge, no systemd.

Slurm's programs are those of the machine, or those that `make slurm` unpacked. The latter are on the path of nobody but
the test's own processes: wherever Snakemake finds Slurm's commands and no controller, each of its starts waits for one.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PROGRAMS = ("slurmctld", "slurmd", "slurmstepd", "munged", "sbatch", "squeue", "scancel")
UNPACKED = Path(__file__).resolve().parents[2] / "build" / "slurm" / "usr"
UP_SECONDS = 40
ETC = Path("/etc/slurm/slurm.conf")  # where jobs look for it, since Snakemake takes SLURM_CONF out of their environment
# What a real cluster leaves to cgroups: memory is looked at every second, and a job that takes more is killed.
CONFIG = """\
ClusterName=tiny
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={base}/munge/socket
CredType=cred/munge
SlurmctldPort={controller}
SlurmdPort={daemon}
StateSaveLocation={base}/state
SlurmdSpoolDir={base}/spool
SlurmctldPidFile={base}/slurmctld.pid
SlurmdPidFile={base}/slurmd.pid
SlurmctldLogFile={base}/slurmctld.log
SlurmdLogFile={base}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=0,sched_interval=5,bf_interval=5,sched_min_interval=0
ReturnToService=2
MpiDefault=none
SwitchType=switch/none
MinJobAge=300
KillWait=2
SlurmdParameters=config_overrides
DefMemPerCPU=500
{plugins}
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory=8000 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str:
    """Why there can be no Slurm here; empty if there can."""
    if os.geteuid() != 0:
        return "a one-node Slurm needs root"
    if ETC.exists() or ETC.is_symlink():
        return f"{ETC} is there: this machine has a Slurm already"
    absent = [name for name in PROGRAMS if program(name) is None]
    return f"without {', '.join(absent)}; `make slurm` fetches them on Debian and Ubuntu" if absent else ""


def program(name: str) -> str | None:
    """Path of a daemon or command; daemons may lie off a user's PATH."""
    path = os.pathsep.join(
        [os.environ.get("PATH", ""), "/usr/sbin", *(str(UNPACKED / part) for part in ("bin", "sbin"))]
    )
    return shutil.which(name, path=path)


def _unpacked_plugins() -> Path | None:
    """Folder of Slurm's own libraries where they are not installed but unpacked."""
    if shutil.which("sbatch"):
        return None
    return next(UNPACKED.glob("lib/*/slurm-wlm"), None)


def _environment() -> dict[str, str]:
    """The environment of everything that speaks to Slurm."""
    plugins = _unpacked_plugins()
    if plugins is None:
        return dict(os.environ)
    path = os.pathsep.join([str(UNPACKED / "bin"), str(UNPACKED / "sbin"), os.environ.get("PATH", "")])
    libraries = [str(plugins), str(plugins.parent), os.environ.get("LD_LIBRARY_PATH", "")]
    return {**os.environ, "PATH": path, "LD_LIBRARY_PATH": os.pathsep.join(filter(None, libraries))}


@contextmanager
def running(base: Path) -> Iterator[dict[str, str]]:
    """The environment in which Slurm's commands speak to a node that is up; it is taken down in the end.

    ``base`` must be short, since munge's socket lies below it.
    """
    for name in ("munge", "state", "spool"):
        (base / name).mkdir(parents=True)
    host = socket.gethostname().split(".")[0]
    ports = {"controller": _free_port(), "daemon": _free_port()}
    unpacked = _unpacked_plugins()
    plugins = f"PluginDir={unpacked}" if unpacked else ""
    text = CONFIG.format(base=base, host=host, cores=os.cpu_count(), plugins=plugins, **ports)
    (base / "slurm.conf").write_text(text)
    (base / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")
    ETC.parent.mkdir(exist_ok=True)
    ETC.symlink_to(base / "slurm.conf")
    environment = _environment()
    daemons = [_munge(base, environment)]
    # slurmd looks for the program of a job's step where the package would have installed it.
    more = {"slurmctld": [], "slurmd": ["-d", str(program("slurmstepd"))]}
    try:
        for name, options in more.items():
            words = [str(program(name)), "-c", "-D", "-f", str(base / "slurm.conf"), *options]
            with open(base / f"{name}.out", "wb") as log:
                daemons.append(subprocess.Popen(words, env=environment, stdout=log, stderr=log))
        _wait(environment)
        yield environment
    finally:
        for daemon in reversed(daemons):
            daemon.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                daemon.wait(10)
            daemon.kill()
            daemon.wait()
        ETC.unlink()
        with suppress(OSError):  # a package's own folder is not empty
            ETC.parent.rmdir()


def _munge(base: Path, environment: dict[str, str]) -> subprocess.Popen:
    """A munge daemon with a key of its own."""
    folder = base / "munge"
    (folder / "key").write_bytes(os.urandom(1024))
    (folder / "key").chmod(0o400)
    files = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
    words = [f"--{option}={folder / name}" for option, name in files.items()]
    with open(folder / "out", "wb") as log:
        command = [str(program("munged")), "--foreground", "--force", *words]
        return subprocess.Popen(command, env=environment, stdout=log, stderr=log)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(environment: dict[str, str]) -> None:
    """Return when the node is idle."""
    end = time.monotonic() + UP_SECONDS
    state = ""
    while time.monotonic() < end:
        words = ["sinfo", "-h", "-o", "%T"]
        state = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=30).stdout.strip()
        if state == "idle":
            return
        time.sleep(0.5)
    raise RuntimeError(f"the node is not idle after {UP_SECONDS} seconds, its state is {state or 'unknown'}")
