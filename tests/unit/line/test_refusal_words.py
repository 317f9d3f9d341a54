"""What a person reads of a refusal, typed at the rig or through the tool: words and units, no name of a field."""

import re

import pytest
from pumprig.rig.refusals import numbers_text
from pumpwire.refusals import REFUSALS
from rig.line import terminal
from rig.refused import Refused

ENDINGS = re.compile(r"_(nl|nl_per_day|ms|s)\b|[a-z]_[a-z]")
VALUES = {"text": "volume_nl", "hex": "0123456789abcdef", "flag": "1"}


@pytest.mark.parametrize("row", REFUSALS, ids=lambda row: row[0])
def test_a_refusal_says_no_field_s_own_name(row: tuple[str, str, str]) -> None:
    name, kind, _meaning = row
    value = VALUES.get(kind, 480_000)
    typed = terminal.refusal(Refused("limit", ((name, value),)))
    told = numbers_text({name: str(value)})
    for text in (typed, told):
        said = (
            text.replace("volume_nl", "") if name in ("why", "was", "new", "verb", "alarm", "field") else text
        )
        assert not ENDINGS.search(said), text


def test_a_typed_refusal_has_units() -> None:
    fields = (("asked_nl", 50_000), ("limit_nl_per_day", 480_000), ("wait_s", 7200), ("why", "too much"))
    assert terminal.refusal(Refused("cap", fields)) == (
        "refused (cap): asked 50 ul, limit 20 ul/h, wait 2 h, too much; nothing was changed"
    )
    assert terminal.refusal(Refused("argument", (("argument", "over_ms"), ("why", "missing")))) == (
        "refused (argument): over, missing; nothing was changed"
    )
    assert terminal.refusal(Refused("host", ())) == "refused (host); nothing was changed"


def test_the_tool_calls_a_refusal_s_figures_as_the_pages_do() -> None:
    told = numbers_text({"daily_nl": "5000000", "cap_nl": "1200000", "wait_s": "7200", "argument": "over_ms"})
    assert told == "the program alone in 24 h 5.000 mL; cap 1.200 mL; wait 2 h; over"
