"""Every command that acts, one after the other on one rig, with an output that fails it.

Owns: the table of these commands, in an order in which each is allowed; what the rig's log, or a file, must show of
each.
Rules: a real process each; what was done is read from the rig, never from what the command said.
Units: none.
Leaves: the outputs to outcomes.py.
"""

from __future__ import annotations

from pathlib import Path

from faults import outcomes
from pumprig.rig.client import Client
from pumprig.rig.link import SerialLink
from pumprig.rig.simulator import PrivateRig
from pumpwire import records

EXAMPLES = Path(__file__).parents[2] / "examples"
WEIGHING = EXAMPLES / "calibration" / "weighing-200ul-per-h.csv"
PROGRAM = """name = "deeds"
[reservoir]
volume = "18 ml"
[catheter]
length = "10 cm"
volume_per_length = "1 ul/cm"
[limits]
hard_max_rate = "200 ml/day"
[basal]
rate = "1 ml/day"
[demand_bolus]
volume = "1 ul"
over = "5 s"
lockout = "1 min"
max_per_24h = 20
"""
RAMP = """name = "ramp"
[limits]
hard_max_rate = "200 ml/day"
[basal]
ramp = {start = "1 ml/day", step = "0.1 ml/day", every = "1 h", ceiling = "2 ml/day"}
"""

# (words, what must stand in a record of the rig that was not there before; a file that must come to be; "": nothing)
DEEDS: list[tuple[str, str]] = [
    ("clock set --yes", "verb=clock"),
    ("stop", "verb=stop"),
    ("calibrate nominal --per-rev 10ul --yes", "verb=commit"),
    ("calibrate apply CALIBRATION --yes", "verb=commit"),
    ("program load PROGRAM --yes", "verb=commit"),
    ("demand --yes", "verb=demand"),
    ("program load PROGRAM --at +2h --yes", "verb=commit"),
    ("program withdraw --yes", "verb=withdraw"),
    ("alarms silence", "verb=silence"),
    ("POWER", ""),  # an alarm to be acknowledged
    ("alarms ack --yes", "verb=ack"),
    ("stop", "verb=stop"),
    ("resume --yes", "verb=resume"),
    ("bolus 1ul --over 10s --yes", "verb=bolus"),
    ("rate 1ml/day --yes", "verb=commit"),
    ("stop", "verb=stop"),
    ("prime 100ul --yes", "verb=prime"),
    ("stop", "verb=stop"),
    ("dispense 100ul --over 1min --yes", "verb=dispense"),
    ("stop", "verb=stop"),
    ("refill 18ml --yes", "verb=refill"),
    ("tube new --yes", "verb=tube"),
    ("battery new --yes", "verb=battery"),
    ("program load RAMP --yes", "verb=commit"),
    ("titrate hold --yes", "verb=ramp"),
    ("stop", "verb=stop"),
    ("resume --yes", "verb=resume"),
    ("key new --yes", "verb=access"),
    ("unlock", ""),
    ("lock", ""),
    ("key export -o KEY", "file KEY"),
    ("key remove --yes", "verb=access"),
    ("POWER", ""),
    ("console --play SCRIPT --yes", "verb=ack"),
    ("log pull", "file data/pumprig.db"),
    ("log export -o EXPORT", "file EXPORT"),
    ("report -o REPORT", "file REPORT"),
    ("program save SAVED", "file SAVED"),
    ("program new NEW", "file NEW"),
    ("program plot PROGRAM -o PLOT", "file PLOT"),
    ("calibrate report CALIBRATION -o CERTIFICATE", "file CERTIFICATE"),
    ("stop", "verb=stop"),
]


class Deeds:
    """A rig, and the files that the commands take."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.private = PrivateRig(home / "state" / "sim")
        self.port = self.private.ensure()
        self.files = {"PROGRAM": "program.toml", "RAMP": "ramp.toml", "SCRIPT": "script.txt"}
        for name, text in (("PROGRAM", PROGRAM), ("RAMP", RAMP), ("SCRIPT", "ack\n")):
            (home / self.files[name]).write_text(text)
        words = ("calibrate", "fit", WEIGHING, "--save", "--person", "A", "--tube", "t", "--json")
        code, err, out = outcomes.run(home, "ascii", *words)
        assert code == 0, err
        (folder,) = (home / "data" / "calibrations").iterdir()
        self.number = folder.name
        assert out

    def case(self, line: str, shows: str, output: str) -> str:
        """One command with one output; what is wrong with it, empty for nothing."""
        if line == "POWER":
            self.private.stop()
            self.port = self.private.ensure()
            return ""
        made = {"KEY": "key.txt", "EXPORT": "export.csv", "REPORT": "report.html", "SAVED": "saved.toml"}
        made |= {"NEW": "new.toml", "PLOT": "plot.svg", "CERTIFICATE": "certificate.html"}
        paths = {name: str(self.home / file) for name, file in {**self.files, **made}.items()}
        for name in made:
            Path(paths[name]).unlink(missing_ok=True)
        before = self._next()
        words = [paths.get(word, self.number if word == "CALIBRATION" else word) for word in line.split()]
        code, err, _out = outcomes.run(self.home, output, "-p", self.port, *words)
        wrong: list[str] = []
        if code != 0:
            wrong.append(f"exit code {code}")
        if "may not have been done" in err or "Traceback" in err or "goes on as programmed" in err:
            wrong.append("it says the opposite")
        if shows.startswith("verb=") and not any(shows in text.split() for text in self._since(before)):
            wrong.append(f"the rig has no record {shows}: {self._since(before)}")
        if shows.startswith("file "):
            path = self.home / shows[5:]
            path = Path(paths.get(shows[5:], str(path)))
            if not path.exists() or not path.stat().st_size:
                wrong.append(f"{path.name} was not written")
        if output in ("full device", "no stdout") and err.count("could not be printed") > 1:
            wrong.append("the lost output is told more than once")
        return f"{line}, {output}: {'; '.join(wrong)}: {err[-300:]}" if wrong else ""

    def _next(self) -> int:
        return int(self._read("status").fields["log_next"])

    def _since(self, number: int) -> list[str]:
        from binascii import a2b_base64

        rows = self._read("log", {"start": number, "count": 60}).rows
        return [records.unpack(a2b_base64(row["record"]))[2] for row in rows if "record" in row]

    def _read(self, verb: str, values: dict[str, int | str | None] | None = None):
        client = Client(SerialLink(self.port))
        try:
            return client.read(verb, values or {})
        finally:
            client.close()


def told() -> set[str]:
    """The commands in the table, by their first words."""
    return {line.split()[0] for line, _shows in DEEDS}


def run(home: Path, shift: int, whole: bool = False) -> tuple[int, list[str]]:
    """Every command in turn, each with one output, the next one each time; -> (cases, what is wrong).

    whole: with one output, the same for all, by its number `shift`.
    """
    deeds = Deeds(home)
    tried, wrong = 0, []
    try:
        for line, shows in DEEDS:
            output = outcomes.OUTPUTS[(shift + (0 if whole else tried)) % len(outcomes.OUTPUTS)]
            told = deeds.case(line, shows, output)
            tried += line != "POWER"
            wrong += [told] if told else []
    finally:
        deeds.private.stop()
    return tried, wrong
