"""Telling a person: one e-mail, one call of a webhook.

Owns: the words, the mail, the request.
Rules: it either was told, or PumpError says why not; nothing of a message from the broker gets into a mail's header but
names of letters and digits; every connection has a limit of time.
Units: seconds.
Leaves: when and whom to desk.py.
"""

from __future__ import annotations

import json
import os
import smtplib
import ssl
import urllib.error
import urllib.request
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

from pumpwire import texts

from pumprig.errors import PumpError
from pumprig.lab.desk import Notice
from pumprig.lab.rules import OF_THE_LAB, Mail

LIMIT_S = 20.0


def tell(notice: Notice, mail: Mail | None, page: str) -> None:
    """Tell it. Raises PumpError."""
    try:
        if notice.target.startswith("mail:"):
            assert mail is not None
            _send(mail, notice.target.removeprefix("mail:"), notice, page)
        else:
            _call(notice.target, notice, page)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise PumpError(
            f"{notice.target.split('?')[0]} could not be told: {error}.", "It is tried again."
        ) from None


def document(notice: Notice, page: str) -> dict[str, Any]:
    """What a webhook gets. `text` alone is what chat programs show."""
    alert = notice.alert
    site, _slash, device = alert.rig.partition("/")
    return {
        "text": words(notice, page),
        "site": site,
        "device": device,
        "alarm": alert.name,
        "priority": alert.priority,
        "since": datetime.fromtimestamp(alert.since_s, UTC).isoformat(timespec="seconds"),
        "state": "over" if notice.over else "active",
        "told_before": notice.times,
        "acknowledge": _link(notice, page),
    }


def meaning(name: str) -> str:
    """What an alarm means."""
    if name in OF_THE_LAB:
        return OF_THE_LAB[name][1]
    return str(texts.ALARMS.get(name, "an alarm that this version does not know"))


def words(notice: Notice, page: str) -> str:
    """For a person."""
    alert = notice.alert
    since = datetime.fromtimestamp(alert.since_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    if notice.over:
        return f"Over: {alert.name} of {alert.rig}. It began at {since}."
    again = f" Told {notice.times} times before, and not answered." if notice.times else ""
    link = _link(notice, page)
    answer = f" To acknowledge: {link}" if link else " Acknowledge it at the rig."
    return f"Alarm {alert.name} ({alert.priority}) of {alert.rig} since {since}: {meaning(alert.name)}.{again}{answer}"


def _link(notice: Notice, page: str) -> str:
    return f"{page}/acknowledge/{notice.alert.token}" if page and not notice.over else ""


def _send(mail: Mail, to: str, notice: Notice, page: str) -> None:
    message = EmailMessage()
    state = "over" if notice.over else notice.alert.priority
    message["Subject"] = f"pumprig: {notice.alert.name} of {notice.alert.rig} ({state})"
    message["From"], message["To"] = mail.sender, to
    message.set_content(words(notice, page) + "\n")
    secure = ssl.create_default_context()
    if mail.tls == "tls":
        client: smtplib.SMTP = smtplib.SMTP_SSL(mail.host, mail.port, timeout=LIMIT_S, context=secure)
    else:
        client = smtplib.SMTP(mail.host, mail.port, timeout=LIMIT_S)
    with client:
        if mail.tls == "starttls":
            client.starttls(context=secure)
        if mail.user:
            client.login(mail.user, os.environ.get(mail.password_env, ""))
        client.send_message(message)


def _call(url: str, notice: Notice, page: str) -> None:
    data = json.dumps(document(notice, page)).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", "User-Agent": "pumprig"})
    try:
        with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:
            answer.read(65_536)
    except urllib.error.HTTPError as error:
        raise OSError(f"it answered {error.code}") from None
