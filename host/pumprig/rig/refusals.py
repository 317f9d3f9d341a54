"""What a refusal means, in words: the rule, its numbers, when it would be allowed.

Owns: the wording of every error the device can answer with.
Rules: the rule's text is the table's; numbers are shown with units; every refusal says that nothing was changed.
Units: fields as they stand on the wire, by the names' endings.
Leaves: exit codes to errors.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from pumpwire import VERSION, spec, texts
from pumpwire.refusals import figures_of

from pumprig import quantities
from pumprig.errors import LinkError, PumpError, RefusedError

NEXT_STEPS = {
    "limit": "Ask for less, or load a program with a higher hard limit.",
    "soft_limit": "Repeat it with --override if you mean it; the override is logged.",
    "cap": "Ask for less; waiting makes no room beside the program's own most in 24 h.",
    "busy": "Wait for its end (`pumprig watch`), or `pumprig stop`.",
    "reservoir": "Fill the reservoir and tell the rig: `pumprig refill VOLUME`.",
    "alarm": "See `pumprig alarms`, mend the cause, then `pumprig alarms ack`.",
    "nothing": "Stage it again; what is staged expires after 10 min.",
    "hash": "Someone staged something else in between; stage and review again.",
    "bridge": "Decide in the program's file: `[bridge]`, or `none = true`; or `program load --bridge auto`.",
    "locked": "Wait; the lock doubles with every five wrong answers.",
    "access": "Another program ended this session; run the command again.",
    "key": "This computer has not the rig's key: `pumprig key set FILE` brings it. Five wrong ones lock the rig.",
    "sequence": "Another host changed the rig at the same time; look at `pumprig status`, then run the command again.",
    "storage": "The rig's flash cannot be written; `pumprig doctor` says more.",
    "unknown": "The firmware is older than this tool: `pumprig flash`.",
}

SAID = {  # a refusal's field, as the pages call it; the others by their name without its unit
    "daily_nl": "the program alone in 24 h",
    "held_nl": "flowed in the last 24 h",
    "short_nl": "too much by",
    "left_nl": "the reservoir still has",
    "asked_nl": "asked for",
    "max_per_24h": "allowed in 24 h:",
    "low": "at least",
    "high": "at most",
    "was": "now",
    "last_seq": "last number",
    "staged_hash": "staged is",
    "field": "in",
}


def refused(verb: str, fields: dict[str, str]) -> RefusedError:
    """The error of an `err` answer."""
    numbers = {key: value for key, value in fields.items() if key not in ("code", "name")}
    name = fields.get("name", "")
    code = int(fields.get("code", "0")) if fields.get("code", "0").isdigit() else 0
    rule = texts.ERRORS.get(name, name or "refused")
    told = numbers_text(numbers)
    happened = f"`{verb}` was refused: {rule}" + (f" ({told})." if told else ".")
    step = _next_step(name, numbers)
    return RefusedError(happened, "Nothing was changed.", step, code, name, figures_of(numbers))


def numbers_text(numbers: Mapping[str, int | str]) -> str:
    """What a refusal says besides its rule, with units."""
    return "; ".join(_number_text(key, str(value)) for key, value in numbers.items())


def _next_step(name: str, numbers: dict[str, str]) -> str:
    wait = numbers.get("wait_s", "")
    if wait.isdigit():
        allowed = f"It would be allowed in {quantities.duration_text(int(wait) * 1000)}"
        if name != "cap":
            return allowed + "."
        # of a program the rig says what the last 24 h hold; what flows until then comes on top of it
        where = "the pump stands until then" if "held_nl" in numbers else "nothing else is asked for"
        return f"{allowed}, if {where}."
    if name == "cap" and "daily_nl" in numbers:
        return "The program itself is above its cap: lower what it delivers, or raise `limits.max_per_24h`."
    return NEXT_STEPS["key" if "mark" in numbers.get("why", "") else name] if name in NEXT_STEPS else ""


def _number_text(key: str, value: str) -> str:
    if key in ("why", "argument"):
        return quantities.said(value, 0)[0] if key == "argument" else value
    word, shown = quantities.said(key, int(value) if value.isdigit() else 0)
    return f"{SAID.get(key, word)} {shown if value.isdigit() else value}"


def no_key(device_id: str) -> RefusedError:
    """The rig has a key that this computer does not hold."""
    return RefusedError(
        f"{device_id} can only be programmed with its key, which this computer does not hold.",
        "Nothing was changed.",
        "`pumprig key export` on a computer that holds it, `pumprig key set FILE` here. Reading needs none.",
        spec.ERRORS["access"],
        "access",
        {},
    )


def no_rig(address: str, heard: str) -> LinkError:
    """Nothing on that port answers as a rig does."""
    if "MicroPython" in heard or ">>>" in heard:
        return LinkError(
            f"{address} is a MicroPython prompt, not a running rig.",
            "not done",
            "Install the firmware: `pumprig flash`.",
        )
    return LinkError(
        f"{address} is no pump rig, or does not answer: {heard}.",
        "not done",
        "`pumprig ports` shows which ports are rigs.",
    )


def other_protocol(firmware: str, protocol: int, digest: str) -> PumpError:
    """The device speaks another version of the protocol."""
    return RefusedError(
        f"The rig runs firmware {firmware} with protocol {protocol} ({digest}); "
        f"this tool is {VERSION} with protocol {spec.PROTOCOL} ({spec.digest()}).",
        "Nothing was sent but the greeting, and nothing was changed.",
        "Install the matching firmware with `pumprig flash`, or the matching tool. `pumprig stop` works all the same.",
        0,
        "protocol",
        {"device_digest": digest, "host_digest": spec.digest()},
    )
