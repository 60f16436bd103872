"""Find the Pythons of the matrix: on the PATH, pyenv's, Debian's package, or the one of a Debian sid made for it.

The last two need root on Debian; the network is that of apt. `unshare` gives what runs in sid a view of mounts and
processes of its own: both are gone when it ends, however it ends.
"""

import contextlib
import functools
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

NAMES = ("3.11", "3.12", "3.13", "3.14")
TRIAL = "import platform, sys; print(sys.executable, platform.python_version())"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
ALONE = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
# `unshare --mount` keeps these mounts from everybody else: removing the root can remove nothing that is mounted in it.
ENTER = """
root=$1 work=$2; shift 2
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mkdir -p "$root$work"
mount --rbind "$work" "$root$work"
exec chroot "$root" "$@"
"""


class NotHere(Exception):
    """There is no such Python, and none can be had. The text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Python:
    name: str
    version: str
    executable: str
    enter: tuple[str, ...] = ()
    """What to put before a command so that it runs where this Python is."""

    @property
    def where(self) -> str:
        return f"{self.executable}{' of a Debian sid made for it' if self.enter else ''}"


def find(name: str, work: Path) -> Python:
    """Return a Python that answers. `work` is the folder that it is to see, whatever root it lives in."""
    for executable in _installed(name):
        if found := _answers(name, executable):
            return found
    if os.name != "posix" or os.geteuid() != 0 or not shutil.which("apt-get"):
        raise NotHere("neither on the PATH nor pyenv's; as root on Debian one would be installed")
    if _apt_has(f"python{name}"):
        _run(["apt-get", "-qq", "install", "-y", "--no-install-recommends", f"python{name}"])
        if found := _answers(name, f"/usr/bin/python{name}"):
            return found
    return _in_sid(name, work)


def _installed(name: str) -> Iterator[str]:
    for folder in os.get_exec_path():
        if found := shutil.which(f"python{name}", path=folder):
            yield found
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from map(str, pyenv.glob(f"versions/{name}.*/bin/python{name}"))


def _answers(name: str, executable: str, enter: tuple[str, ...] = ()) -> Python | None:
    """Try it: pyenv's shims are on the PATH for Pythons that are not."""
    ran = subprocess.run(
        [*enter, executable, "-I", "-c", TRIAL], capture_output=True, text=True, timeout=60, check=False
    )
    if ran.returncode != 0:
        return None
    real, version = ran.stdout.rsplit(maxsplit=1)
    if not version.startswith(f"{name}."):
        return None
    return Python(name=name, version=version, executable=real, enter=enter)


@functools.cache
def _update() -> None:
    with contextlib.suppress(NotHere):  # a list that is not fresh, or one source of many that is away, may do
        _run(["apt-get", "-qq", "update"])


def _apt_has(package: str) -> bool:
    _update()
    shown = subprocess.run(["apt-cache", "show", package], capture_output=True, text=True, check=False)
    return f"Package: {package}\n" in shown.stdout


def _in_sid(name: str, work: Path) -> Python:
    """Make a Debian sid with this Python beside `work`, and let it see `work` under the same path."""
    if not shutil.which("debootstrap"):
        _update()
        _run(["apt-get", "-qq", "install", "-y", "--no-install-recommends", "debootstrap"])
    root = work.parent / f"sid-{name}"
    packages = f"--include=python{name},ca-certificates"
    _run([*ALONE, "debootstrap", "--variant=minbase", packages, "sid", str(root)])
    if CERTIFICATES.exists():  # this machine may be behind a proxy with a certificate of its own
        shutil.copy(CERTIFICATES, root / CERTIFICATES.relative_to("/"))
    enter = (*ALONE, "sh", "-ec", ENTER, "enter", str(root), str(work))
    _run([*enter, f"/usr/bin/python{name}", "--version"])
    if found := _answers(name, f"/usr/bin/python{name}", enter):
        return found
    raise NotHere(f"the python{name} of Debian sid does not answer")


def _run(command: list[str]) -> None:
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        subprocess.run(
            command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = str(getattr(error, "output", None) or error).strip().splitlines()
        raise NotHere(f"{' '.join(command[:2])}: {said[-1] if said else error}") from error
