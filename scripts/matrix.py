"""Install veo-mcp as others will, and drive it: every Python x lowest and newest versions allowed x wheel and sdist.

python3 scripts/matrix.py [--tests] [--strict] [--only 3.12]...

Each environment holds what its installation brought and nothing else; scripts/matrix_drive.py is run in it. `--tests`
runs the default tests on the newest Python as well, with the newest versions, from the unpacked sdist, read-only.
A Python that cannot be had is named, and is a failure with `--strict` or if there is none at all.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from matrix_pythons import ALONE, NAMES, NotHere, Python, find

ROOT = Path(__file__).resolve().parent.parent
DRIVE = Path(__file__).with_name("matrix_drive.py")
RESOLUTIONS = ("lowest", "newest")
PACKAGES = ("wheel", "sdist")
STEP_SECONDS = 300
TEST_SECONDS = 2400
READ_ONLY = 'folder=$1; shift; mount --bind "$folder" "$folder"; mount -o remount,bind,ro "$folder"; exec "$@"'
OURS = ("PYTHON", "VIRTUAL_ENV", "VEO_MCP_", "AIML", "OTEL_")
"""What the beginnings of names in the environment must not be, lest an installation is helped or led astray."""


class Failed(Exception):
    """A step did not end well; the text is all that it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """The folder that all Pythons see, with uv and what was built."""

    folder: Path
    uv: str
    sdist: Path
    wheel: Path
    build_lowest: Path
    """A file that holds the build backend to the lowest version allowed."""


@dataclass(frozen=True, slots=True)
class Cell:
    python: Python
    resolution: str
    package: str

    @property
    def name(self) -> str:
        return f"{self.python.name} {self.resolution} {self.package}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    cell: Cell
    seconds: float
    versions: dict[str, str] = field(default_factory=dict[str, str])
    failure: str = ""

    @property
    def verdict(self) -> str:
        return f"FAILED: {self.failure.strip().splitlines()[-1][:200]}" if self.failure else "ok"


def main() -> int:
    options = parse()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # an exception: the folder and the processes go as well
    with tempfile.TemporaryDirectory(prefix="veo-mcp-matrix.") as made:
        work = Path(made).resolve() / "work"
        work.mkdir()
        pythons, missing = search(options.only or NAMES, work)
        workshop = prepare(work)
        cells = [Cell(*each) for each in product(pythons, RESOLUTIONS, PACKAGES)]
        with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
            outcomes = list(pool.map(partial(attempt, workshop), cells))
        print_tables(outcomes, missing)
        well = not any(outcome.failure for outcome in outcomes) and bool(pythons) and not (options.strict and missing)
        if options.tests and pythons:
            well = run_tests(pythons[-1], workshop) and well
    return 0 if well else 1


def parse() -> argparse.Namespace:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tests", action="store_true", help="run the default tests on the newest Python as well")
    parser.add_argument("--strict", action="store_true", help="fail if one of the Pythons cannot be had")
    parser.add_argument("--only", action="append", choices=NAMES, help="only this Python; may be given again")
    return parser.parse_args()


def search(names: tuple[str, ...] | list[str], work: Path) -> tuple[list[Python], dict[str, str]]:
    """Return the Pythons that answer, and why each of the others does not."""
    found: list[Python] = []
    missing: dict[str, str] = {}
    for name in names:
        try:
            found.append(find(name, work))
            print(f"Python {found[-1].version}: {found[-1].where}", flush=True)
        except NotHere as reason:
            missing[name] = str(reason)
            print(f"Python {name} is NOT HERE: {reason}", flush=True)
    return found, missing


def prepare(work: Path) -> Workshop:
    """Install uv, and build the wheel and the sdist once."""
    run([sys.executable, "-m", "venv", str(work / "tool")])
    run([str(work / "tool/bin/pip"), "-q", "--disable-pip-version-check", "install", "uv"])
    uv = shutil.copy(work / "tool/bin/uv", work / "uv")
    for each in (DRIVE, ROOT / "pyproject.toml"):
        shutil.copy(each, work)
    run([str(uv), "build", "--sdist", "--wheel", "-p", sys.executable, "-o", str(work / "built"), str(ROOT)])
    [sdist], [wheel] = (work / "built").glob("*.tar.gz"), (work / "built").glob("*.whl")
    return Workshop(folder=work, uv=str(uv), sdist=sdist, wheel=wheel, build_lowest=hold_build(work))


def hold_build(work: Path) -> Path:
    """Write down the lowest build backend that pyproject.toml allows."""
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    lowest = work / "build-lowest.txt"
    lowest.write_text("".join(each.split(",")[0].replace(">=", "==") + "\n" for each in asked))
    return lowest


def attempt(workshop: Workshop, cell: Cell) -> Outcome:
    began = time.monotonic()
    environment = workshop.folder / "environments" / cell.name.replace(" ", "-")
    try:
        versions = install_and_drive(cell, workshop, environment)
        outcome = Outcome(cell=cell, seconds=time.monotonic() - began, versions=versions)
    except Failed as failure:
        print(f"\n{cell.name} failed:\n{failure}\n", flush=True)
        outcome = Outcome(cell=cell, seconds=time.monotonic() - began, failure=str(failure) or "without a word")
    shutil.rmtree(environment, ignore_errors=True)
    print(f"{cell.name}: {outcome.verdict} ({outcome.seconds:.0f} s)", flush=True)
    return outcome


def install_and_drive(cell: Cell, workshop: Workshop, environment: Path) -> dict[str, str]:
    """Return the versions that were driven, those of the extras included."""
    python, uv = cell.python, [workshop.uv, "--quiet", "--no-config"]
    run([*uv, "venv", "-p", python.executable, str(environment)], python)
    wheel = workshop.wheel if cell.package == "wheel" else build_from_sdist(cell, workshop, environment)
    install = [*uv, "pip", "install", "-p", str(environment), "--only-binary", ":all:"]
    drive = [str(environment / "bin/python"), "-I", str(workshop.folder / DRIVE.name)]
    run([*install, *wanted(cell, workshop, wheel)], python)
    run(drive, python)
    run([*install, *wanted(cell, workshop, wheel, "otel", "postgres")], python)
    said = run([*drive, "extras"], python)
    versions: dict[str, str] = json.loads(said.splitlines()[-1])
    if cell.resolution == "lowest":
        compare_with_bounds(versions, tomllib.loads((workshop.folder / "pyproject.toml").read_text())["project"])
    return versions


def wanted(cell: Cell, workshop: Workshop, wheel: Path, *extras: str) -> list[str]:
    """Return what to ask uv for. It takes the lowest versions of what is named to it, not of what a wheel needs."""
    if cell.resolution == "newest":
        return [f"{wheel}[{','.join(extras)}]" if extras else str(wheel)]
    named = ["-r", str(workshop.folder / "pyproject.toml"), *(f"--extra={extra}" for extra in extras)]
    return ["--resolution", "lowest-direct", *named, str(wheel)]


def compare_with_bounds(versions: dict[str, str], project: dict[str, Any]) -> None:
    """Fail where a lower bound promises more than was installed: that version cannot be had, or not with the others."""
    extras = project["optional-dependencies"]
    for requirement in (*project["dependencies"], *extras["otel"], *extras["postgres"]):
        if "sys_platform" in requirement:  # for another system than those that the matrix has
            continue
        bound = re.match(r"([\w-]+)[^>]*>=([\d.]+)", requirement)
        assert bound
        name, lowest = bound.groups()
        if not f"{versions[name]}.".startswith(f"{lowest}."):
            raise Failed(f"{requirement} was installed as {versions[name]}: its lowest version was not tried")


def build_from_sdist(cell: Cell, workshop: Workshop, environment: Path) -> Path:
    held = ["--build-constraints", str(workshop.build_lowest)] if cell.resolution == "lowest" else []
    built = environment / "built"
    run(
        [workshop.uv, "build", "--wheel", "-p", str(environment), *held, "-o", str(built), str(workshop.sdist)],
        cell.python,
    )
    [wheel] = built.glob("*.whl")
    return wheel


def run(command: list[str], python: Python | None = None, *, seconds: float = STEP_SECONDS, show: bool = False) -> str:
    """Run it where the Python is and return what it wrote to stdout; end it, and all that it started, in time."""
    pipe = None if show else subprocess.PIPE
    words = [*(python.enter if python else ()), *command]
    with subprocess.Popen(
        words,
        env=environ(),
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=pipe,
        stderr=pipe,
        text=True,
        start_new_session=True,
    ) as process:
        late = ""
        try:
            said, complaint = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            late = f"not done after {seconds:.0f} s"
            os.killpg(process.pid, signal.SIGKILL)
            said, complaint = process.communicate()
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode != 0:
        raise Failed("\n".join(part for part in (" ".join(command), said, complaint, late) if part))
    return said or ""


def environ() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    server = os.environ.get("VEO_MCP_TEST_POSTGRES")
    return kept | ({"VEO_MCP_TEST_POSTGRES": server} if server else {})


def print_tables(outcomes: list[Outcome], missing: dict[str, str]) -> None:
    rows = [
        [
            outcome.versions.get("Python", outcome.cell.python.version), outcome.cell.resolution, outcome.cell.package,
            outcome.versions.get("SQLite", ""), f"{outcome.seconds:.0f}", outcome.verdict,
        ]
        for outcome in outcomes
    ]  # fmt: skip
    rows += [[name, "", "", "", "", f"NOT HERE: {why}"] for name, why in missing.items()]
    print()
    print_table(["Python", "versions", "from", "SQLite", "seconds", "outcome"], rows)
    columns = list(dict.fromkeys((outcome.cell.python.name, outcome.cell.resolution) for outcome in outcomes))
    names = sorted({name for outcome in outcomes for name in outcome.versions} - {"Python", "SQLite"})
    if not names:
        return
    print()
    print_table(
        ["installed", *(" ".join(column) for column in columns)],
        [[name, *(installed(outcomes, name, *column) for column in columns)] for name in names],
    )


def installed(outcomes: list[Outcome], name: str, python: str, resolution: str) -> str:
    """Return the version that wheel and sdist brought, or both where they differ."""
    cells = [each for each in outcomes if (each.cell.python.name, each.cell.resolution) == (python, resolution)]
    return " / ".join(dict.fromkeys(each.versions[name] for each in cells if name in each.versions))


def print_table(head: list[str], rows: list[list[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, ["-" * width for width in widths], *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def run_tests(python: Python, workshop: Workshop) -> bool:
    """Run the default tests of the sdist, unpacked, where nothing can be written beside them."""
    print(f"\nThe default tests on Python {python.version}, with the newest versions, read-only", flush=True)
    with tarfile.open(workshop.sdist) as archive:
        archive.extractall(workshop.folder / "source", filter="data")
    [source] = (workshop.folder / "source").iterdir()
    environment = str(workshop.folder / "tests")
    uv = [workshop.uv, "--quiet", "--no-config"]
    try:
        run([*uv, "venv", "--seed", "-p", python.executable, environment], python)
        run([*uv, "pip", "install", "-p", environment, "-e", f"{source}[dev]"], python)
        tests = ["env", "-C", str(source), f"{environment}/bin/python", "-m", "pytest", "-q"]
        run(tests, read_only(python, source), seconds=TEST_SECONDS, show=True)
    except Failed as failure:
        print(f"FAILED: {failure}", flush=True)
        return False
    return True


def read_only(python: Python, folder: Path) -> Python:
    """Let what runs in this Python read the folder and not write to it. Permissions alone do not stop root."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(path.stat().st_mode & ~0o222)
    if os.geteuid() != 0 or not shutil.which("unshare"):
        return python
    return replace(python, enter=(*ALONE, "sh", "-ec", READ_ONLY, "read-only", str(folder), *python.enter))


if __name__ == "__main__":
    sys.exit(main())
