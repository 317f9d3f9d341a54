"""What the page calls what flows: every kind has a word, none is shown by its name on the wire."""

import re
from pathlib import Path

import pumprig
from pumpwire import spec

FIGURES = Path(pumprig.__file__).parent / "dashboard" / "static" / "figures.js"


def test_everything_that_can_be_under_way_has_a_word_on_the_page() -> None:
    words = re.search(r"const FLOWS = \{([^}]*)\}", FIGURES.read_text("utf-8"))
    assert words is not None
    named = dict(re.findall(r'(\w+): "([^"]+)"', words.group(1)))
    assert set(named) == set(spec.KINDS) - {"basal", "relief"}
    assert all(word[0].isupper() for word in named.values())
