"""What the fonts of a picture or a certificate lack is told by its number; it was left out, or warned of by Python."""

import io
import warnings
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pumprig import pictures
from pumprig.cli import run
from pumprig.pdfpages import Pdf
from pypdf import PdfReader

NAME = "Zoë 夜間 µ–Ω"
TOLD = "Zoë <U+591C><U+9593> µ–Ω"


def test_a_pdf_leaves_no_character_out() -> None:
    page = Pdf(NAME, datetime(2026, 1, 1, tzinfo=UTC))
    page.line(NAME, bold=True)
    page.table([("made by", "at"), (NAME, "here")], (50, 50), "LL")
    text = "".join(PdfReader(io.BytesIO(page.content())).pages[0].extract_text().split())
    assert text.count("".join(TOLD.split())) == 2


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_a_plot_s_name_is_drawn_and_nothing_is_warned_of(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "night.toml"
    program.write_text(f'name = "{NAME}"\n[basal]\nrate = "20 ul/h"\n', "utf-8")
    drawn = tmp_path / f"plot.{kind}"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run(["program", "plot", str(program), "-o", str(drawn)]) == 0
    assert "Warning" not in capsys.readouterr().err
    if kind == "svg":
        assert NAME in drawn.read_text("utf-8")


def test_what_a_font_lacks_is_told_in_a_picture() -> None:
    from matplotlib.figure import Figure

    figure = Figure()
    title = figure.suptitle(NAME)
    assert pictures.written(figure, "svg")
    assert title.get_text() == NAME
    assert pictures.written(figure, "png")
    assert title.get_text() == TOLD
