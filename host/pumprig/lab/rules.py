"""Who is told of which alarm: the rule file.

Owns: its keys, and which rule is for which alarm.
Rules: every fault of the file is told at once with its line; a password never stands in it, but in the environment.
Units: ms in the file's times, seconds outside of it.
Leaves: when what is told to desk.py, telling to notify.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from pumpwire import spec

from pumprig.therapy.positions import Path as Place
from pumprig.therapy.reader import Reader

OF_THE_LAB = {  # what no rig can tell of itself: priority, meaning
    "offline": ("high", "its gateway has gone: nobody sees this rig"),
    "unreachable": ("medium", "its gateway is there and cannot reach the rig"),
    "record_refused": ("medium", "a record of it was altered on the way, or before"),
}
PRIORITIES = ("low", "medium", "high")
ALL = "all"
NAMES = (*(row[1] for row in spec.alarms() if row[1]), *OF_THE_LAB, ALL)
MAX_MS = 7 * 86_400_000
TEXT = 200


@dataclass(frozen=True)
class Mail:
    """The server that takes mail."""

    host: str
    port: int
    tls: str  # "starttls", "tls", "none"
    sender: str
    user: str
    password_env: str


@dataclass(frozen=True)
class Rule:
    """`targets` (mail:ADDRESS or a URL) are told of `alarms` that nobody answered for so long, and again."""

    alarms: tuple[str, ...]
    priority: str  # this one and higher
    rigs: tuple[str, ...]  # SITE/DEVICE, with * and ?
    after_s: float
    repeat_s: float  # 0: once
    targets: tuple[str, ...]

    def fits(self, rig: str, alarm: str, priority: str) -> bool:
        """Whether an alarm of a rig (SITE/DEVICE) is this rule's."""
        if ALL not in self.alarms and alarm not in self.alarms:
            return False
        rank = (
            PRIORITIES.index(priority) if priority in PRIORITIES else len(PRIORITIES)
        )  # unknown: never missed
        return rank >= PRIORITIES.index(self.priority) and any(fnmatchcase(rig, name) for name in self.rigs)


@dataclass(frozen=True)
class Rules:
    """The file. `page`: where its recipients reach the page of `alerts --page`; empty: not at all."""

    rules: tuple[Rule, ...]
    mail: Mail | None
    page: str


def load(path: Path) -> Rules:
    """Read a rule file. Raises InputFileError with every fault of it."""
    reader = Reader(path)
    root = reader.root
    mail = _mail(reader) if "mail" in root else None
    page = reader.text(root, (), "page", TEXT, "") or ""
    if page and urlsplit(page).scheme not in ("http", "https"):
        reader.fault(("page",), page, "must begin with http:// or https://")
    tables = reader.tables(root, (), "rule")
    if "rule" not in root:
        reader.fault(("rule",), None, "is missing: at least one [[rule]]")
    rules = tuple(_rule(reader, table, here, mail is not None) for table, here in tables)
    reader.finish("rule file")
    return Rules(rules, mail, page.rstrip("/"))


def _mail(reader: Reader) -> Mail:
    table, here = reader.table(reader.root, (), "mail"), ("mail",)
    tls = reader.choice(table, here, "tls", ("starttls", "tls", "none"), "starttls")
    ports = {"starttls": 587, "tls": 465, "none": 25}
    port = reader.count(table, here, "port", 1, 65_535) if "port" in table else ports[tls]
    return Mail(
        reader.text(table, here, "host", TEXT) or "",
        port or 0,
        tls,
        _address(reader, (*here, "from"), reader.text(table, here, "from", TEXT)),
        reader.text(table, here, "user", TEXT, "") or "",
        reader.text(table, here, "password_env", TEXT, "PUMPRIG_MAIL_PASSWORD") or "",
    )


def _address(reader: Reader, here: Place, text: str | None) -> str:
    if text is not None and (
        text.count("@") != 1 or any(c in text for c in " ,;<>") or "@" in (text[0], text[-1])
    ):
        reader.fault(here, text, "must be one address, like pumps@lab.example")
    return text or ""


def _rule(reader: Reader, table: dict[str, Any], here: Place, has_mail: bool) -> Rule:
    alarms = _texts(reader, table, here, "alarms", (ALL,))
    for name in alarms:
        if name not in NAMES:
            reader.fault((*here, "alarms"), name, "is no alarm; there are " + ", ".join(sorted(NAMES)))
    mails = _texts(reader, table, here, "mail", ())
    hooks = _texts(reader, table, here, "webhook", ())
    for name in mails:
        _address(reader, (*here, "mail"), name)
    if mails and not has_mail:
        reader.fault((*here, "mail"), mails[0], "needs [mail] with host and from")
    for name in hooks:
        if urlsplit(name).scheme not in ("http", "https") or not urlsplit(name).hostname:
            reader.fault((*here, "webhook"), name, "must be a whole address, http:// or https://")
    if not mails and not hooks:
        reader.fault((*here, "mail"), None, "is missing: whom this rule tells; mail, webhook or both")
    return Rule(
        alarms,
        reader.choice(table, here, "priority", PRIORITIES, "low"),
        _texts(reader, table, here, "rigs", ("*",)),
        (reader.quantity(table, here, "after", "time", 0, MAX_MS, 0) or 0) / 1000,
        (reader.quantity(table, here, "repeat", "time", 10_000, MAX_MS, 0) or 0) / 1000,
        (*(f"mail:{name}" for name in mails), *hooks),
    )


def _texts(
    reader: Reader, table: dict[str, Any], here: Place, key: str, default: tuple[str, ...]
) -> tuple[str, ...]:
    value: object = reader.get(table, here, key)
    if value is None:
        return default
    items = cast(list[Any], value) if isinstance(value, list) else [value]
    if not items or not all(
        isinstance(item, str) and 0 < len(item) <= TEXT and item.isprintable() for item in items
    ):
        reader.fault((*here, key), cast(object, value), "must be a list of texts, not empty")
        return default
    return tuple(cast(list[str], items))
