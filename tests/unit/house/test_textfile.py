"""A text file reads the same whatever editor wrote it."""

import stat

import pytest
from pumprig import cli, textfile

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be")
TEXT = 'name = "µ night"\n'


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_usual_encoding_is_the_same_text(encoding):
    assert textfile.decoded(TEXT.encode(encoding)) == TEXT


def test_bytes_that_are_no_text_are_refused():
    with pytest.raises(UnicodeDecodeError):
        textfile.decoded(b"name = \xff\xfe")


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_configuration_and_programs_may_come_from_any_editor(tmp_path, monkeypatch, capsys, encoding):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.toml").write_bytes('database = "lab.db"\n'.encode(encoding))
    monkeypatch.setenv("PUMPRIG_HOME", str(tmp_path))
    monkeypatch.delenv("PUMPRIG_DB", raising=False)
    assert cli.run(["log", "show"]) == 1
    assert str(tmp_path / "config" / "lab.db") in capsys.readouterr().err
    program = tmp_path / "program.toml"
    program.write_bytes(
        'name = "x"\n[reservoir]\nvolume = "18 ml"\n[basal]\nrate = "20 µl/h"\n'.encode(encoding)
    )
    assert cli.run(["program", "check", str(program)]) == 0, capsys.readouterr().err


def test_a_key_file_is_written_for_nobody_else(tmp_path):
    from pumprig.cli.key import _write_key

    _write_key(tmp_path / "key", "00" * 32)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_a_mark_that_an_editor_set_twice_is_no_part_of_the_text():
    assert textfile.decoded(("\ufeff" + TEXT).encode("utf-16")) == TEXT


def test_bytes_that_are_no_text_are_told_with_their_line_and_what_to_do():
    with pytest.raises(UnicodeDecodeError) as caught:
        textfile.decoded(b'name = "x"\nrate = "20 \xb5l/h"\n')
    assert str(caught.value) == "line 2 is no text in UTF-8 (byte 0xb5); save the file as UTF-8 in its editor"
