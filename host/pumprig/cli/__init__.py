"""`pumprig`: the command table, the global options, and the one place where an error becomes an exit code.

Owns: which command is in which module, options that hold before and after a command, exit codes.
Rules: a command's module is imported only when it runs, so that `stop` starts fast; with --json stdout carries one
JSON document (or JSON Lines) and nothing else; nothing here talks to a rig.
Units: exit codes: 0 done, 1 failed, 2 usage, 3 refused, 4 link, 130 Ctrl-C.
Leaves: what a command does to its module.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import re
import sys
from typing import Any

import click

from pumprig import __version__, extras, streams
from pumprig.cli.settings import GOES_ON, Settings
from pumprig.errors import Interrupted, PumpError, UsageError
from pumprig.shown import shown
from pumprig.terminal import painted, put, put_document, put_text

# name: (module in this folder, attribute, one line of help)
COMMANDS = {
    "balance": ("balance", "balance", "what a balance says, line by line: `balance test [PORT]`"),
    "accuracy": ("accuracy", "accuracy", "start-up and trumpet graphs and figures from a weighing"),
    "alarms": ("alarms", "alarms", "the active alarms; `ack`, `silence`"),
    "battery": ("battery", "battery", "the modelled implant's battery; `new`"),
    "bolus": ("delivery", "bolus", "deliver one bolus"),
    "calibrate": ("calibrate", "calibrate", "plan, run, fit, apply and list calibrations"),
    "clock": ("clock", "clock", "the rig's clock; `set`"),
    "completion": ("completion", "completion", "shell completion for bash, zsh or fish"),
    "console": ("console", "console", "the interactive programming session; `--record`, `--play`"),
    "dashboard": (
        "dashboard",
        "dashboard",
        "the live web page, in the browser: curves, doses, programs, Stop",
    ),
    "demand": ("delivery", "demand", "ask for a demand bolus, as the button does"),
    "dispense": ("dispense", "dispense", "one dose from a standing pump, then it stands again"),
    "doctor": ("doctor", "doctor", "check installation, port, firmware, clock, calibration; say what to do"),
    "flash": ("flash", "flash", "install the firmware on a Pico, every file verified"),
    "alerts": ("lab", "alerts", "alarms of a lab's rigs by e-mail and webhook"),
    "gateway": ("lab", "gateway", "this computer's store and live readings to an MQTT broker"),
    "hub": ("hub", "hub", "own the rigs' ports for everybody on this computer; `--stop`"),
    "ingest": ("lab", "ingest", "records from the broker into PostgreSQL"),
    "key": ("key", "key", "the rig's key and PIN; `new`, `set`, `export`, `remove`, `pin`"),
    "lock": ("access", "lock", "end every programming session on the rig"),
    "log": ("log", "log", "the delivery log; `pull`, `show`, `export`, `verify`, `total`"),
    "ports": ("ports", "ports", "serial ports, which are rigs, their ids"),
    "prime": ("delivery", "prime", "fill the line"),
    "program": (
        "program",
        "program",
        "therapy programs; `new`, `check`, `load`, `show`, `save`, `plot`, `withdraw`",
    ),
    "rate": ("delivery", "rate", "constant therapy: stage, review, commit, read back"),
    "refill": ("refill", "refill", "the reservoir was filled; what was found may correct the calibration"),
    "rehearse": ("rehearse", "rehearse", "run a program on the simulated rig in virtual time"),
    "report": ("report", "report", "a self-contained HTML report"),
    "resume": ("delivery", "resume", "run the active therapy again"),
    "sim": ("sim", "sim", "a simulated rig as a serial port"),
    "status": ("status", "status", "one reading of everything"),
    "stop": ("stop", "stop", "stop the pump now"),
    "study": ("study", "study", "many rehearsals with drawn faults; `report`, `show`"),
    "titrate": ("titrate", "titrate", "a titration ramp under way; `hold`, `back`, `go`"),
    "tube": ("tube", "tube", "the tube's wear; `new`"),
    "unlock": ("access", "unlock", "prove that this computer may program the rig"),
    "watch": ("status", "watch", "a live reading"),
}

# who draws a picture of its own, or is there to wait: no sign of life
UNSIGNED = ("", "alerts", "balance", "console", "dashboard", "gateway", "hub", "ingest", "sim", "watch")
PRINTED_BY_CLICK = {"--help", "--version"}
QUIET = {"-q", "--quiet", "--follow"}
NEGATIVE = re.compile(r"-\s*[.,]?\d")


def _offered_ports(*asked: Any) -> Any:
    from pumprig.cli.completing import ports

    return ports(*asked)


def _set(name: str) -> Any:
    def callback(ctx: click.Context, _parameter: click.Parameter, value: Any) -> Any:
        if value:
            setattr(ctx.ensure_object(Settings), name, value)
        return value

    return callback


def _show_version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        put(f"pumprig {__version__}")
        ctx.exit()


def _global_options(expose: bool) -> list[click.Option]:
    """The options that every command takes; on the root they also stay among the context's parameters."""

    def flag(*names: str, name: str, text: str) -> click.Option:
        return click.Option([*names, name], is_flag=True, help=text, callback=_set(name), expose_value=expose)

    def value(*names: str, name: str, metavar: str, text: str, offers: Any = None) -> click.Option:
        return click.Option(
            [*names, name],
            metavar=metavar,
            help=text,
            callback=_set(name),
            expose_value=expose,
            shell_complete=offers,
        )

    return [
        value(
            "-p",
            "--port",
            name="port",
            metavar="PORT",
            text="Device, COMx, socket://HOST:PORT, rfc2217://..., or sim.",
            offers=_offered_ports,
        ),
        value(
            "--state", name="state", metavar="DIR", text="Where the private simulated rig keeps its state."
        ),
        flag("--json", name="json", text="One JSON document (or JSON Lines) on stdout."),
        flag("-q", "--quiet", name="quiet", text="Only errors and what was asked for."),
        flag("-v", "--verbose", name="verbose", text="Say more on stderr; a failure shows where it arose."),
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_show_version,
            help="Show the version.",
        ),
    ]


def with_global_options(command: click.Command) -> click.Command:
    """Let a command, and all below it, take the global options, too; its own options of the same name stay."""
    taken = {name for parameter in command.params for name in parameter.opts}
    command.params.extend(option for option in _global_options(False) if not taken.intersection(option.opts))
    if isinstance(command, click.Group):
        for child in command.commands.values():
            with_global_options(child)
    return command


class LazyGroup(click.Group):
    """A group whose commands are imported when they are run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.commands and cmd_name in COMMANDS:
            module, attribute, _help = COMMANDS[cmd_name]
            command = getattr(importlib.import_module("pumprig.cli." + module), attribute)
            self.add_command(with_global_options(command), cmd_name)
        settings = ctx.find_object(Settings)
        if settings is not None and settings.loaded is not None:
            settings.loaded()
        return self.commands.get(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is named. Raises UsageError, with what may have been meant."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            meant = difflib.get_close_matches(args[0], COMMANDS, n=3)
            if not meant:
                raise
            told = " or ".join(f"`{name}`" for name in meant)
            raise click.UsageError(f"{error.format_message()} Did you mean {told}?", ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_module, _attribute, text) in COMMANDS.items()])


@click.command(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.pass_context
def root(ctx: click.Context, **_options: object) -> None:
    """Program, read, calibrate and log a bench-top pump rig.

    A test instrument, never a medical device. Quantities carry units: `20 ul/h`, `0.25 ml/day`, `50 ul`, `10 min`.
    """
    ctx.ensure_object(Settings)


root.params.extend(_global_options(True))


def run(arguments: list[str] | None = None, settings: Settings | None = None) -> int:
    """Run one command line; returns its exit code. Every error ends here."""
    words = sys.argv[1:] if arguments is None else arguments
    settings = settings or Settings()
    settings.finding = 0
    if "PUMPRIG_BESIDE" in os.environ:
        from pumprig.cli import beside

        beside.end_with_other()
    streams.begin(settings.held is not None)
    named = next((word for word in words if word in COMMANDS), "")
    if named not in UNSIGNED and settings.held is None and streams.is_watched() and not QUIET & set(words):
        streams.SIGN.begin(named)
    try:
        code = _run(words, settings)
    finally:
        streams.SIGN.end()
    try:
        streams.flush()
    except streams.OutputLost as error:
        code = code or _failed(error, settings)
    return code


def _run(words: list[str], settings: Settings) -> int:
    try:
        with streams.binary() if PRINTED_BY_CLICK & set(words) else contextlib.nullcontext():
            result = root.main(_negative(words), prog_name="pumprig", standalone_mode=False, obj=settings)
    except PumpError as error:
        return _failed(error, settings)
    except click.exceptions.Exit as error:
        return error.exit_code
    except SystemExit:
        if not PRINTED_BY_CLICK & set(words):
            raise
        streams.silence()  # click's own word for a reader that went away
        return settings.finding
    except (KeyboardInterrupt, click.Abort):
        put_text(f"\nInterrupted.{' ' + GOES_ON if settings.met else ''}", err=True)
        return 130
    except click.ClickException as error:
        said = io.StringIO()
        error.show(said)
        put_text(said.getvalue().rstrip(), err=True)
        if settings.json or "--json" in words:
            _document(UsageError(error.format_message(), "Nothing was begun.", "--help shows what there is."))
        return 2
    except ModuleNotFoundError as error:
        return _failed(extras.missing(error) or _unforeseen(error, settings), settings)
    except OSError as error:
        return _failed(_of_system(error) or _unforeseen(error, settings), settings)
    except Exception as error:  # a defect of ours: still one clear line, and the trace with -v
        return _failed(_unforeseen(error, settings), settings)
    return result if isinstance(result, int) else 0


def _of_system(error: OSError) -> PumpError | None:
    """A file or folder that the system refuses; None for what names none."""
    if error.filename is None or not error.strerror:
        return None
    failed = PumpError(
        f"{error.filename} cannot be used: {error.strerror}.",
        "What was asked may not have been done.",
        "Look at its folder's permissions and space; `pumprig doctor` says which folders are used.",
    )
    failed.__cause__ = error
    return failed


def _unforeseen(error: Exception, settings: Settings) -> PumpError:
    unforeseen = PumpError(
        f"an error that pumprig did not foresee: {type(error).__name__}: {error}",
        f"What was asked may not have been done.{' ' + GOES_ON if settings.met else ''}",
        "`pumprig status` shows what holds now; the same command with -v shows where it arose.",
    )
    unforeseen.__cause__ = error
    return unforeseen


def _negative(words: list[str]) -> list[str]:
    """Words with a negative quantity, "-5 ul", that is told as one and not taken for an option."""
    return [f"\u2212{word[1:]}" if NEGATIVE.match(word) else word for word in words]


def show(error: PumpError) -> None:
    """Tell a failure to a person: on a terminal no line breaks within a word."""
    first, *more = error.lines()
    if isinstance(error, Interrupted):  # no error, and ^C stands in the line
        put_text("", err=True)
        more.insert(0, first)
    else:
        first, *rest = _wrapped("error: " + shown(first))
        put(painted("error:", fg="red"), first.removeprefix("error:"), err=True)
        for line in rest:
            put(line, err=True)
    indent = "" if isinstance(error, Interrupted) else "  "
    for line in [piece for text in more for piece in _wrapped(indent + shown(text))]:
        put(line, err=True)


def _wrapped(line: str) -> list[str]:
    if not sys.stderr.isatty():
        return [line]
    import shutil
    import textwrap

    return textwrap.wrap(
        line, shutil.get_terminal_size().columns, break_long_words=False, break_on_hyphens=False
    )


def _failed(error: PumpError, settings: Settings) -> int:
    if isinstance(error, streams.OutputLost) and error.quiet:
        return settings.finding  # who reads has enough, as where all of it was written before
    if settings.verbose:
        import traceback

        put_text("".join(traceback.format_exception(error)).rstrip(), err=True)
    else:
        show(error)
    if settings.json:
        _document(error)
    return error.exit_code


def _document(error: PumpError) -> None:
    """A failure as the one JSON document."""
    told = {
        "error": error.happened,
        "not_done": error.not_done,
        "next_step": error.next_step,
        "exit_code": error.exit_code,
        **error.details(),
    }
    with contextlib.suppress(streams.OutputLost):
        put_document(told)
