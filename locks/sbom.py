"""The list of parts (SBOM, CycloneDX 1.6): every package of the lock, its licence, what it is there for.

Owns: locks/sbom.cdx.json.
Rules: what stands in locks/dev.txt and tests/package-lock.json stands here, nothing else; a licence is the package's
own statement, as an SPDX expression where it is one; the same locks give the same file to the byte.
Units: none.
Leaves: the versions to lock.py, the page for readers to docs/licences_page.py.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from lock import HERE, OWN_ENVIRONMENT, ROOT, compiled, extras, pins, project
from packageurl import PackageURL

# what the classifiers of packages without a licence expression mean
CLASSIFIERS = {
    "MIT License": "MIT",
    "BSD License": "BSD License",
    "Apache Software License": "Apache-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.1-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "ISC License (ISCL)": "ISC",
    "The Unlicense (Unlicense)": "Unlicense",
}
LICENCES = LicenseFactory()


def licence_of(facts: metadata.PackageMetadata) -> str:
    """What a package says its licence is; "not stated" where it says nothing."""
    expression = facts.get("License-Expression")
    if expression:
        return expression
    marked = [
        text.rsplit(" :: ", 1)[-1]
        for text in facts.get_all("Classifier", [])
        if text.startswith("License ::")
    ]
    told = sorted({CLASSIFIERS.get(text, text) for text in marked} - {"OSI Approved"})
    short = (facts.get("License") or "").strip()
    if short and "\n" not in short and len(short) < 60 and (not told or told == ["BSD License"]):
        return short
    return " AND ".join(told) or "not stated"


def uses() -> dict[str, list[str]]:
    """{package: what asks for it}: `pumprig` for the base installation, an extra's name, else `tests`."""
    asked: dict[str, list[str]] = {}
    names = ["", *(name for name in extras(project()) if name not in ("dev", *OWN_ENVIRONMENT))]
    for extra in names:
        given = ["pyproject.toml", *(("--extra", extra) if extra else ()), "-c", str(HERE / "dev.txt")]
        for package in pins(compiled(given, [])):
            if extra == "" or "pumprig" not in asked.get(package, []):
                asked.setdefault(package, []).append(extra or "pumprig")
    asked["adafruit-circuitpython-motor"] = ["flash"]  # one module of it, and none of what it asks for
    return asked


def known(packages: Path, names: dict[str, list[str]]) -> dict[str, metadata.PackageMetadata]:
    """The packages' own statements; those of other platforms are fetched, not installed."""
    found = {dist.metadata["Name"].lower().replace("_", "-").replace(".", "-"): dist.metadata
             for dist in metadata.distributions(path=[str(packages)])}  # fmt: skip
    missing = [f"{name}=={versions[0]}" for name, versions in names.items() if name not in found]
    if missing:
        others = ROOT / "build" / "lock" / "others"
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "-q",
            "--no-deps",
            "--upgrade",
            "--target",
            str(others),
        ]
        subprocess.run([*command, "--platform", "win_amd64", "--only-binary=:all:", *missing], check=True)
        found |= {dist.metadata["Name"].lower().replace("_", "-").replace(".", "-"): dist.metadata
                  for dist in metadata.distributions(path=[str(others)])}  # fmt: skip
    return found


def component(name: str, version: str, kind: str, licence: str, purpose: list[str]) -> Component:
    """One part."""
    scope = {"pumprig": ComponentScope.REQUIRED, "tests": ComponentScope.EXCLUDED}
    purl = (
        PackageURL(kind, None, name, version)
        if "/" not in name
        else PackageURL(kind, *name.split("/"), version)
    )
    return Component(
        type=ComponentType.LIBRARY,
        name=name,
        version=version,
        bom_ref=purl.to_string(),
        purl=purl,
        scope=scope.get(purpose[0], ComponentScope.OPTIONAL),
        licenses=[LICENCES.make_from_string(licence)] if licence != "not stated" else [],
        properties=[Property(name="pumprig:needed-for", value=", ".join(purpose))],
    )


def python_parts(packages: Path) -> list[Component]:
    """The packages of locks/dev.txt."""
    names = pins((HERE / "dev.txt").read_text(encoding="utf-8"))
    statements, asked = known(packages, names), uses()
    return [
        component(name, version, "pypi", licence_of(statements[name]), asked.get(name, ["tests"]))
        for name, versions in names.items()
        for version in versions
    ]


def node_parts() -> list[Component]:
    """The packages of tests/package-lock.json."""
    lock = json.loads((ROOT / "tests" / "package-lock.json").read_text(encoding="utf-8"))
    parts: list[Component] = []
    for place, row in lock["packages"].items():
        if place:
            name = place.removeprefix("node_modules/")
            part = component(name, row["version"], "npm", row.get("license", "not stated"), ["tests"])
            kind, _, digest = row["integrity"].partition("-")
            assert kind == "sha512"
            part.hashes.add(HashType(alg=HashAlgorithm.SHA_512, content=base64.b64decode(digest).hex()))
            parts.append(part)
    return parts


def main() -> int:
    """Write the list; the argument is the folder of the installed packages."""
    parts = [*python_parts(Path(sys.argv[1])), *node_parts()]
    head: Any = project()["project"]
    licence = LICENCES.make_from_string(head["license"])
    whole = Component(
        type=ComponentType.APPLICATION,
        name="pumprig",
        version=head["version"],
        bom_ref="pumprig",
        licenses=[licence],
    )
    bom = Bom(components=parts)
    bom.metadata.component = whole
    bom.register_dependency(whole, parts)
    document = json.loads(JsonV1Dot6(bom).output_as_string())
    document.pop("serialNumber")  # so that the same locks give the same file
    document["metadata"].pop("timestamp")
    text = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if fault is not None:
        raise SystemExit(f"this is no CycloneDX document: {fault}")
    path = HERE / "sbom.cdx.json"
    path.write_text(text, encoding="utf-8")
    print(f"{path.name}: {len(parts)} parts")
    return 0


if __name__ == "__main__":
    sys.exit(main())
