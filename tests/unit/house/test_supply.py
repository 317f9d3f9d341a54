"""What is installed: the locks hold what pyproject.toml asks for, with hashes and no address; floors are tested."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[3]
LOCKS = ROOT / "locks"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
BASE: list[str] = PROJECT["project"]["dependencies"]
BUILD: list[str] = PROJECT["build-system"]["requires"]
OWN = ("hardware", "pylabrobot", "bluesky")  # extras with an environment and a lock of their own
COILS: list[str] = PROJECT["dependency-groups"]["coils"]
ENTRY = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)(?P<rest>(?:.*\\\n)*.*)$", re.M)


def entries(name: str) -> dict[str, list[str]]:
    """{package: versions} of a lock."""
    found: dict[str, list[str]] = {}
    for entry in ENTRY.finditer((LOCKS / name).read_text(encoding="utf-8")):
        found.setdefault(canonicalize_name(entry["name"]), []).append(entry["version"])
    return found


def asked(lists: list[list[str]]) -> list[Requirement]:
    """The requirements of some lists, but for pumprig's own extras among them."""
    rows = [Requirement(text) for texts in lists for text in texts]
    return [row for row in rows if row.name != "pumprig"]


def users() -> list[list[str]]:
    """What a user can ask for: the base, and every extra but those for developers."""
    return [BASE, COILS, *(rows for name, rows in EXTRAS.items() if name not in ("dev", *OWN))]


@pytest.mark.parametrize(
    ("lock", "lists"),
    [
        ("dev.txt", [*users(), EXTRAS["dev"]]),
        ("hardware.txt", [BASE, EXTRAS["hardware"]]),
        ("adapters.txt", [BASE, EXTRAS["pylabrobot"], EXTRAS["bluesky"]]),
        ("recipes.txt", [BASE]),
        ("lowest.txt", [*users(), BUILD]),
        ("build.txt", [BUILD]),
    ],
)
def test_a_lock_holds_all_that_pyproject_asks_for(lock: str, lists: list[list[str]]) -> None:
    locked = entries(lock)
    wrong = [
        str(row)
        for row in asked(lists)
        if not any(
            row.specifier.contains(Version(text), prereleases=True)
            for text in locked.get(canonicalize_name(row.name), [])
        )
    ]
    assert wrong == [], "run `make lock`"


@pytest.mark.parametrize(
    "lock", ["adapters.txt", "build.txt", "dev.txt", "hardware.txt", "lowest.txt", "recipes.txt", "tools.txt"]
)
def test_every_locked_package_has_its_hashes_and_no_address(lock: str) -> None:
    text = (LOCKS / lock).read_text(encoding="utf-8")
    found = list(ENTRY.finditer(text))
    assert len(found) > 5
    assert "://" not in text
    assert [
        entry["name"] for entry in found if not re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry["rest"])
    ] == []


def test_the_floors_of_pyproject_are_the_versions_that_the_short_suite_runs_on() -> None:
    lowest = entries("lowest.txt")
    untrue: list[str] = []
    for row in asked([*users(), BUILD]):
        floors = [Version(part.version) for part in row.specifier if part.operator in (">=", "==")]
        tested = [Version(text) for text in lowest[canonicalize_name(row.name)]]
        size = len(floors[0].release)
        padded = [(*version.release, 0, 0, 0)[:size] for version in tested]
        if floors[0].release not in padded:
            untrue.append(f"{row}: `make lowest` runs on {', '.join(map(str, tested))}")
    assert untrue == []


def test_the_list_of_parts_is_the_locks() -> None:
    document = json.loads((LOCKS / "sbom.cdx.json").read_text(encoding="utf-8"))
    parts = {
        (canonicalize_name(row["name"]), row["version"])
        for row in document["components"]
        if "pypi" in row["purl"]
    }
    assert parts == {(name, version) for name, versions in entries("dev.txt").items() for version in versions}
    node = json.loads((ROOT / "tests" / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    listed = {(row["name"], row["version"]) for row in document["components"] if "npm" in row["purl"]}
    assert listed == {
        (name.removeprefix("node_modules/"), row["version"]) for name, row in node.items() if name
    }


def test_for_one_module_of_coil_sequences_one_package_is_installed() -> None:
    locked = entries("dev.txt")
    assert "adafruit-circuitpython-motor" in locked
    assert not {"adafruit-blinka", "adafruit-circuitpython-busdevice", "pyftdi", "pyusb"} & set(locked)
