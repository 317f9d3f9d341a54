"""A connection to the broker: paho's client, set up as every end needs it.

Owns: address, user, TLS, the waiting time between attempts, the thread that serves the connection.
Rules: MQTT 5, a message is acknowledged by hand, after what it asks for was done; a broker that cannot be reached is
tried again, later each time up to a minute, with jitter, so that twenty do not come back at once; a fault in what a
message caused ends the program, which would else stay and do nothing.
Units: seconds.
Leaves: topics and messages to wire.py.
"""

from __future__ import annotations

import random
import ssl
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

from pumprig import extras
from pumprig.errors import UsageError

FIRST_S, MOST_S = 2.0, 60.0
KEEPALIVE_S = 20
Say = Callable[[str], None]


def wait_s(tries: int, source: random.Random) -> float:
    """How long to wait after so many failures in a row."""
    return min(MOST_S, FIRST_S * 2.0 ** min(tries, 10)) * source.uniform(0.5, 1.0)


class Link:
    """One client. `client` is paho's; `name` has to be one of its own at the broker."""

    def __init__(self, address: str, name: str, authority: str | None, say: Say) -> None:
        """`mqtt://[USER[:PASSWORD]@]HOST[:PORT]` or mqtts://; `authority`: a file. Raises UsageError."""
        try:
            from paho.mqtt.client import Client, MQTTv5
            from paho.mqtt.enums import CallbackAPIVersion
        except ImportError:
            raise UsageError(
                "paho-mqtt is not installed.", "Nothing was sent.", extras.to_install("lab")
            ) from None
        self._host, self._port, secure, user, password = _parts(address)
        self._say = say
        self.client: Any = Client(
            CallbackAPIVersion.VERSION2, client_id=name, protocol=MQTTv5, manual_ack=True
        )
        if user:
            self.client.username_pw_set(user, password)
        if secure:
            _trust(self.client, authority)
        elif authority:
            raise UsageError("--ca is for mqtts:// alone.", "Nothing was sent.", "Use mqtts:// in --broker.")
        self._source = random.Random()
        self._tries = 0
        self._failure: Exception | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.client.on_connect_fail = self._unreachable
        self._delay()

    def start(self) -> None:
        """Connect, now or as soon as the broker can be reached, and serve from here on."""
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        wanted = Properties(PacketTypes.CONNECT)
        wanted.SessionExpiryInterval = 0
        self.client.connect_async(
            self._host, self._port, keepalive=KEEPALIVE_S, clean_start=True, properties=wanted
        )
        self._thread.start()

    def when_connected(self, begin: Callable[[Any], None], whom: str = "") -> None:
        """Call begin(client) at each connection; a broker that refuses (whom: the device) is told of instead."""

        def connected(client: Any, _data: object, _flags: object, reason: Any, _properties: object) -> None:
            if reason.is_failure:
                self._say(f"the broker refuses {whom}: {reason}" if whom else f"the broker refuses: {reason}")
                return
            self._tries = 0  # the next failure is the first again
            self._delay()
            begin(client)

        self.client.on_connect = connected

    def check(self) -> None:
        """Raises what a callback has raised: nothing is served any more."""
        if self._failure is not None:
            raise self._failure

    def end(self) -> None:
        """Disconnect."""
        self._ended.set()
        self.client.disconnect()
        if self._thread.is_alive():
            self._thread.join(2 * FIRST_S)

    def _serve(self) -> None:
        while not self._ended.is_set():
            try:
                self.client.loop_forever(retry_first_connection=True)
                return
            except (
                OSError
            ) as error:  # of the network, where paho does not expect it: the next round connects again
                self._say(f"The connection to the broker failed: {error}.")
                self._ended.wait(wait_s(0, self._source))
            except Exception as error:
                self._failure = error
                return

    def _unreachable(self, *_what: object) -> None:
        if not self._tries:
            self._say(f"The broker {self._host}:{self._port} cannot be reached. Tried again until it can.")
        self._tries += 1
        self._delay()

    def _delay(self) -> None:
        delay_s = wait_s(self._tries, self._source)
        self.client.reconnect_delay_set(delay_s, delay_s)


def _parts(address: str) -> tuple[str, int, bool, str, str]:
    """(host, port, whether by TLS, user, password). Raises UsageError."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
        raise UsageError(
            "--broker is no broker's address.", "Nothing was sent.", "Like mqtt://broker.lab:1883."
        )
    secure = parts.scheme == "mqtts"
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return parts.hostname, port or (8883 if secure else 1883), secure, user, password


def _trust(client: Any, authority: str | None) -> None:
    try:
        client.tls_set(ca_certs=authority)
    except (OSError, ValueError, ssl.SSLError) as error:
        raise UsageError(
            f"--ca {authority} cannot be used: {error}.",
            "Nothing was sent.",
            "Name a file of PEM certificates.",
        ) from None
