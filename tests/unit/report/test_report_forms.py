"""A report's form follows its file's suffix, and a form that there is not is refused before anything is read."""

import re

import pytest
from pumprig import cli, rehearsal
from pypdf import PdfReader
from sim import asked


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """Two hours at 20 uL/h with a stop, in a store."""
    folder = tmp_path_factory.mktemp("run")
    rows = [asked.event(1, "stop"), asked.event(1.5, "resume")]
    request = rehearsal.request(asked.parsed(asked.CONSTANT), 2 * asked.HOUR_MS, events=rows)
    request["records"] = str(folder / "records.txt")
    report = rehearsal.run(request)
    rehearsal.keep(folder / "run.db", request, report)
    return folder / "run.db"


@pytest.fixture
def tool(database, monkeypatch, capfdbinary):
    monkeypatch.setenv("PUMPRIG_DB", str(database))

    def call(*words):
        capfdbinary.readouterr()
        code = cli.run([str(word) for word in words])
        return code, *capfdbinary.readouterr()

    return call


def text_of(pdf):
    """What a PDF reads, by the glyphs' own table back to text (a reader that shares nothing with the writer)."""
    return " ".join(page.extract_text() for page in PdfReader(pdf).pages)


def test_a_pdf_says_what_the_page_says(tool, tmp_path):

    assert tool("report", "-o", tmp_path / "r.pdf")[0] == 0
    assert tool("report", "-o", tmp_path / "r.html")[0] == 0
    page, paper = (tmp_path / "r.html").read_text(), " ".join(text_of(tmp_path / "r.pdf").split())
    assert (tmp_path / "r.pdf").read_bytes().startswith(b"%PDF-")
    (answer,) = re.findall(r'<p class="answer">(.*?)</p>', page)
    (digest,) = re.findall(r"digest of the log</td><td class=\"number\"><code>(\w+)</code>", page)
    for words in (answer, digest, "SIMULATED", "What was not given", "stopped by a person", "verified"):
        assert words in paper
        assert words in page


def test_standard_output_takes_the_page_alone_and_no_file_is_made(tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = tool("report", "-o", "-")
    assert code == 0
    assert out.startswith(b"<!doctype html>")
    assert out.rstrip().endswith(b"</html>")
    assert b"asked" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["r.docx", "r.csv", "r.pdf.gz"])
def test_a_form_that_there_is_not_is_refused_and_nothing_is_written(tool, tmp_path, name):
    code, _out, err = tool("report", "-o", tmp_path / name)
    assert code == 2
    assert b".pdf" in err
    assert list(tmp_path.iterdir()) == []
