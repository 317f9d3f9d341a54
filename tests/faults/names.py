"""Hostile names through every output: programs, drugs, files, text in the log.

Owns: the names and the commands that show them.
Rules: the rig is the simulated one with the real firmware, told by the real tool; every name that a program may have
reaches every output, and arrives there as it is, or shown.
Units: none.
Leaves: answers that no rig would give to rewritten.py.
"""

import json

PRINTABLE = (
    "water [blue]", "rate [/min]", "[bold red]x", ":smiley: {x} %s", "=cmd|'/C calc'!A0", "+1", "@SUM(A1)", "$\\frac$",
    "<script>alert(1)</script>", "<b>&amp;", "../../evil", "{{7*7}}", "水 naïve µ", "-rf",
)  # fmt: skip
HIDDEN = ("a\x1b[31mred", "a\nstate running", "a\x9b31m", "a\u202e001", "a\x7f", "a\u2028b", "tab\tb")
OUTPUTS = (
    "program check {file}", "program load {file} --yes", "status", "program show",
    "program save {folder}/saved.toml --force",
    "program plot {file} -o {folder}/plot.svg", "log pull", "log show", "log export -o {folder}/log.csv",
    "report -o {folder}/report.html", "rate 20ul/h --yes", "watch --count 1",
)  # fmt: skip


def program(folder, name):
    """A program of this name, whose drug has it, too."""
    path = folder / "program.toml"
    drug = name.replace("+", "-")  # a plus joins the drugs of a mixture, and is told as a fault of its own
    path.write_text(
        f"name = {json.dumps(name)}\n[drug]\nname = {json.dumps(drug)}\nconcentration = '1 mg/ml'\n"
        "[reservoir]\nvolume = '18 ml'\nlow_alert = '2 ml'\n[basal]\nrate = '0.3 ml/day'\n[bridge]\nnone = true\n",
        encoding="utf-8",
    )
    return path
