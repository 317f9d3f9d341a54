"""A connection to the broker: paho's client, set up as every end needs it.

Owns: address, user, TLS, the waiting time between attempts, the one thread that serves and writes.
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
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

from pumprig import extras
from pumprig.errors import UsageError
from pumprig.lab.wire import MOST_BYTES

FIRST_S, MOST_S = 2.0, 60.0
STOOD_S = 10.0  # a connection that ended earlier was none: the next attempt comes later
KEEPALIVE_S = 20
AT_ONCE = 20  # messages that a broker may hand over before they are acknowledged
SUSPECT = 3  # so many in a row are no accident
Say = Callable[[str], None]


class Once:
    """Says what many say at the same time once: each rig has a connection of its own, and they lose one broker."""

    def __init__(self, say: Say, now_s: Callable[[], float] = time.monotonic) -> None:
        self._say, self._now_s = say, now_s
        self._lock = threading.Lock()
        self._said_s: dict[str, float] = {}

    def __call__(self, text: str) -> None:
        """Say it, unless it was said just now."""
        with self._lock:
            now_s = self._now_s()
            self._said_s = {told: at_s for told, at_s in self._said_s.items() if now_s - at_s < MOST_S}
            if text in self._said_s:
                return
            self._said_s[text] = now_s
        self._say(text)


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
        check_address(address, authority)
        self._host, self._port, secure, user, password = _parts(address)
        self._say = say
        self.client: Any = Client(
            CallbackAPIVersion.VERSION2, client_id=name, protocol=MQTTv5, manual_ack=True
        )
        if user:
            self.client.username_pw_set(user, password)
        if secure:
            _trust(self.client, authority)
        self._name = name
        self._source = random.Random()
        self._tries = 0
        self._since_s: float | None = None  # of a connection that stands
        self._complained = False
        self.most_bytes = MOST_BYTES  # of a message, as the broker takes it
        self.largest_bytes = 0  # that was sent
        self._again = threading.Event()
        self._lost: Callable[[], None] = lambda: None
        self._failure: Exception | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.client.on_connect_fail = self._unreachable
        self.client.on_disconnect = self._dropped
        # The serving thread alone writes. Without this paho writes in whichever thread publishes, and two that write at
        # once turn messages round: a birth came before the subscription that was to bring the one before it.
        self.client.on_socket_register_write = self._queued
        self._delay()

    def start(self) -> None:
        """Connect, now or as soon as the broker can be reached, and serve from here on."""
        self._aim()
        self._thread.start()

    def _aim(self) -> None:
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        wanted = Properties(PacketTypes.CONNECT)
        wanted.SessionExpiryInterval = 0
        wanted.MaximumPacketSize = MOST_BYTES  # a longer one is left out by the broker
        wanted.ReceiveMaximum = AT_ONCE
        self.client.connect_async(
            self._host, self._port, keepalive=KEEPALIVE_S, clean_start=True, properties=wanted
        )

    def when_connected(self, begin: Callable[[Any], None], whom: str = "") -> None:
        """Call begin(client) at each connection; a broker that refuses (whom: the device) is told of instead."""

        def connected(client: Any, _data: object, _flags: object, reason: Any, properties: object) -> None:
            if reason.is_failure:
                self._complain(
                    f"the broker refuses {whom}: {reason}" if whom else f"the broker refuses: {reason}"
                )
                return
            self._since_s = time.monotonic()
            self.most_bytes = min(MOST_BYTES, getattr(properties, "MaximumPacketSize", MOST_BYTES))
            begin(client)

        self.client.on_connect = connected

    def when_lost(self, lost: Callable[[], None]) -> None:
        """Call lost() whenever a connection has ended."""
        self._lost = lost

    def again(self) -> None:
        """Connect anew, with another will perhaps."""
        self._again.set()
        self.client.disconnect()

    def _dropped(self, *_what: object) -> None:
        stood = self._since_s is not None and time.monotonic() - self._since_s >= STOOD_S
        if stood or self._again.is_set():
            self._tries, self._complained = 0, False
        elif not self._ended.is_set():  # refused, or ended at once
            self._tries += 1
        if self._since_s is not None and self._tries >= SUSPECT:
            why = "perhaps a second one of this name runs"
            if self.largest_bytes:
                why += f", or it takes no message of {self.largest_bytes} bytes (--batch makes them smaller)"
            self._complain(f"the broker ends each connection of {self._name}: {why}")
        self._since_s = None
        self._delay()
        self._lost()

    def _complain(self, text: str) -> None:
        """Once, until a connection has stood."""
        if not self._complained:
            self._complained = True
            self._say(f"{text}. Tried again, later each time.")

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
                if not self._again.is_set():
                    return
                self._again.clear()
                self._ended.wait(wait_s(0, self._source))
                self._aim()
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

    def _queued(self, *_what: object) -> None:
        """A message waits: paho has woken the thread that writes it."""

    def _delay(self) -> None:
        delay_s = wait_s(self._tries, self._source)
        self.client.reconnect_delay_set(delay_s, delay_s)


def check_address(address: str, authority: str | None) -> None:
    """Whether it is a broker's, before anybody connects. Raises UsageError."""
    if not _parts(address)[2] and authority:
        raise UsageError("--ca is for mqtts:// alone.", "Nothing was sent.", "Use mqtts:// in --broker.")


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
