"""A connection to the broker: paho's client, set up as both ends need it.

Owns: address, user, TLS, the waiting time between attempts.
Rules: MQTT 5, a message is acknowledged by hand, after what it asks for was done; attempts to connect wait 1 to 60 s,
with jitter.
Units: seconds.
Leaves: topics and messages to wire.py.
"""

from __future__ import annotations

import random
from typing import Any
from urllib.parse import unquote, urlsplit

from pumprig import extras
from pumprig.errors import PumpError, UsageError

FIRST_S, MOST_S = 1, 60
KEEPALIVE_S = 20


def client(address: str, name: str, clean: bool) -> tuple[Any, str, int]:
    """(client, host, port) of `mqtt://[USER[:PASSWORD]@]HOST[:PORT]` or mqtts://. Raises UsageError."""
    try:
        from paho.mqtt.client import Client, MQTTv5
        from paho.mqtt.enums import CallbackAPIVersion
    except ImportError:
        raise UsageError(
            "paho-mqtt is not installed.", "Nothing was sent.", extras.to_install("lab")
        ) from None
    parts = urlsplit(address)
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
        raise UsageError(
            f"{address} is no broker's address.", "Nothing was sent.", "Like mqtt://broker.lab:1883."
        )
    made: Any = Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=MQTTv5, manual_ack=True)
    made.user_data_set({"clean": clean})
    if parts.username:
        made.username_pw_set(unquote(parts.username), unquote(parts.password or ""))
    if parts.scheme == "mqtts":
        made.tls_set()
    made.reconnect_delay_set(FIRST_S + random.random(), MOST_S)
    return made, parts.hostname, parts.port or (8883 if parts.scheme == "mqtts" else 1883)


def connect(made: Any, host: str, port: int, clean: bool) -> None:
    """The first connection; afterwards the client's own loop keeps it. Raises PumpError."""
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    wanted = Properties(PacketTypes.CONNECT)
    wanted.SessionExpiryInterval = 0 if clean else 0xFFFFFFFF
    try:
        made.connect(host, port, keepalive=KEEPALIVE_S, clean_start=clean, properties=wanted)
    except (OSError, ValueError) as error:
        raise PumpError(
            f"The broker {host}:{port} cannot be reached: {error}.", "Nothing was sent.", "Is it running?"
        ) from None
