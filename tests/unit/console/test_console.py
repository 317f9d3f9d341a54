"""The console's own rules: what a line means, what Tab offers, what the status line shows, what a script holds.

Owns: the grammar, completion, status line and script of the console, without a terminal.
Rules: every expectation follows from the shared table or the command-line contract.
Units: characters; volumes nL.
Leaves: the session on a real terminal to test_console_terminal.py.
"""

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pumprig import cli
from pumprig.console import grammar, script
from pumprig.console.completion import candidates, completed
from pumprig.console.statusline import line_of
from pumprig.errors import InputFileError, UsageError
from pumpwire import spec, units

CONTENT = {
    "state": "running",
    "rate_nl_per_h": 20_000,
    "bolus": None,
    "reservoir_nl": 17_990_000,
    "delivered_nl": 1_234_567,
    "alarms": [],
}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("rate 20 ul/h", ["rate", "20", "ul/h"]),
        ("bolus 50 ul over 10 min spread", ["bolus", "50", "ul", "--over", "10 min", "--spread"]),
        ("bolus 50ul OVER 1 h 30 min", ["bolus", "50ul", "--over", "1 h 30 min"]),
        ("refill 18 ml removed 2.1 ml", ["refill", "18", "ml", "--removed", "2.1 ml"]),
        ("rate 20 ul/h override", ["rate", "20", "ul/h", "--override"]),
        ("program load 'my file.toml' override", ["program", "load", "my file.toml", "--override"]),
        ("ack", ["alarms", "ack"]),
        ("silence", ["alarms", "silence"]),
    ],
)
def test_a_line_stands_for_one_command_of_the_command_line(line, words):
    assert grammar.to_cli(line) == words


def test_every_command_of_the_console_is_one_of_the_command_line():
    for name, command in grammar.COMMANDS.items():
        if name not in grammar.NATIVE:
            found = cli.root.get_command(click.Context(cli.root), command.cli[0])
            for word in (*command.cli[1:], *command.follow):
                assert word in found.commands, (name, word)


def test_every_word_before_an_argument_of_the_table_is_understood():
    for verb, arguments, _access, _changes in spec.commands():
        if verb in grammar.COMMANDS:
            words = {word for _n, _k, _l, _h, word, _d in arguments if word}
            assert words <= {argument.word for argument in grammar.COMMANDS[verb].arguments}


@pytest.mark.parametrize("line", ["bolos 5 ul", "bolus 5 ul over", "say 'unclosed", ""])
def test_what_is_not_understood_is_refused_before_anything_is_sent(line):
    with pytest.raises(UsageError):
        grammar.to_cli(line)


@pytest.mark.parametrize(
    ("before", "offered"),
    [
        ("re", ["resume", "refill"]),
        ("rate 20 u", [row[0] for row in units.UNITS["rate"] if row[0].startswith("u")]),
        ("rate 20u", ["20" + row[0] for row in units.UNITS["rate"] if row[0].startswith("u")]),
        ("bolus 50 ul ", ["over", "spread"]),
        ("bolus 50 ul over 10 m", ["ms", "min"]),
        ("bolus 50 ul over 10 min ", ["spread"]),
        ("bolus 5 ", [row[0] for row in units.UNITS["volume"]]),
        ("program l", ["load"]),
        ("wait 5 ", [row[0] for row in units.UNITS["time"]]),
        ("help bol", ["bolus"]),
        ("nonsense x", []),
    ],
)
def test_tab_offers_what_may_stand_there(before, offered):
    assert candidates(before) == offered


def test_tab_offers_programs_and_folders_but_no_other_file(tmp_path):
    for name in ("night.toml", "notes.txt", ".hidden.toml"):
        (tmp_path / name).write_text("")
    (tmp_path / "nested").mkdir()
    assert candidates(f"program load {tmp_path}/n") == [f"{tmp_path}/nested/", f"{tmp_path}/night.toml"]


@given(st.text(max_size=30))
def test_tab_never_fails_whatever_is_typed(text):
    after, choices = completed(text)
    assert not choices or after.lower().startswith(text.lower())  # words are offered whatever their case
    assert completed(after)[0].startswith(after)


@given(
    st.integers(20, 200),
    st.lists(st.sampled_from([row[1] for row in spec.alarms()]), max_size=6, unique=True),
    st.floats(0, 1e5),
)
def test_the_status_line_fits_its_width_and_says_state_first_or_that_the_link_is_lost(width, names, age_s):
    content = {**CONTENT, "alarms": [{"name": name} for name in names]}
    line = line_of(content, age_s, "", width)
    assert len(line) <= width
    assert line.startswith("NO LINK" if age_s > 5 else "RUNNING 20")


def test_at_80_columns_state_rate_alarm_reservoir_and_the_stop_key_are_all_there():
    line = line_of({**CONTENT, "alarms": [{"name": "occlusion"}]}, 0.1, "", 80)
    for part in ("RUNNING 20 µL/h", "ALARM occlusion", "reservoir 17.990 mL", "^X stops"):
        assert part in line


STEPS = st.builds(
    script.Step,
    st.just(0),
    st.sampled_from(["rate 20 ul/h", "bolus 5 ul over 1 min", "status", "stop", "program load 'a b.toml'"]),
    st.sampled_from([0, 1, 3, 4]),
    st.lists(st.sampled_from(script.ANSWERS), max_size=2),
)


@given(st.lists(STEPS, max_size=8))
def test_a_recorded_session_reads_back_as_it_was(tmp_path_factory, steps):
    path = tmp_path_factory.mktemp("script") / "session.txt"
    recorder = script.Recorder(path, "a port")
    for step in steps:
        recorder.keep(step)
    read = script.load(path)
    assert [(s.line, s.code, s.answers) for s in read] == [(s.line, s.code, s.answers) for s in steps]


def test_every_fault_of_a_script_is_told_with_its_line(tmp_path):
    path = tmp_path / "bad.txt"
    path.write_text("> yes\nstatus\nbolos 5 ul\n> maybe\n")
    with pytest.raises(InputFileError) as raised:
        script.load(path)
    assert [fault.split(":")[1] for fault in raised.value.faults] == ["1", "3", "4"]
