"""A person at a plain terminal: who may type what, and what is asked back before a change.

Owns: the way of a typed line: may this person, what is meant, the code that confirms it, the text that answers.
Rules: a typed line changes nothing of the therapy before `commit CODE`, and nothing at all during a host session; on a
rig with a key and without a PIN nothing typed changes anything; wrong PINs and codes are counted and locked out; a
module on loan (rig.lend): functions on the session and its access, which keep what outlasts a line.
Units: microseconds of Clock.
Leaves: what is typed at once, a stop, to session.py, words and their units to terminal.py, the key to access.py.
"""

from pumpwire import auth, spec

from rig.line import terminal
from rig.line.access import IDLE_US
from rig.refused import Refused

NOTHING = ("", "", {})


def typed(session, row, words):
    """Carry out what a person typed: an iterator of text lines; an empty one: none yet."""
    try:
        row, args = _meant(session, row, words)
    except Refused as refused:
        yield terminal.refusal(refused)
        return
    if row is None:
        yield from args
        return
    for done in session.commands.perform(row, args, 0, 0, session.tick_us):
        if done:
            yield from answer(session, row, done[0], done[1])
        else:
            yield done


def _meant(session, row, words):
    """(the command to be carried out now, its arguments), or (None, text lines to be shown). Raises Refused."""
    verb, access = row[0], session.access
    _check(access, row, session.now_us)
    if verb == "commit":
        return _confirmed(session, row, words)
    args = terminal.arguments(row, words)
    if verb == "terminal":
        _open_terminal(access, args["pin"], session.now_us)
        return None, ("programming from this terminal for 10 min; every change asks for `commit CODE`",)
    if not row[3]:
        if verb == "prove":
            return None, ("ok",)
        return None, terminal.read(session.readings, verb, args, session.now_us)
    if verb in ("rate", "stage", "discard"):
        return row, args  # what they change is not yet the therapy
    return None, _ask(session, row, args, "%s %s" % (verb, terminal.show(row, args)))


def _ask(session, row, args, shown):
    """The lines that ask for a command's code: four digits that only who reads them knows."""
    code = "%04d" % (int(session.access.random()[:8], 16) % 10_000)
    session.pending = (code, row[0], args)
    return (shown, "to do this, type: commit %s" % code)


def _confirmed(session, row, words):
    """What waits for its code, if this is it. Raises Refused."""
    code, verb, args = session.pending
    if not verb:
        raise Refused("nothing", ())
    if not words:
        raise Refused("argument", (("argument", "code"), ("why", "type commit and the code shown")))
    _check_code(session.access, words[0], code, session.now_us)
    if verb == "commit":  # its other arguments come with the code
        words = [args["hash"]] + list(words[1:])
        args = terminal.arguments(row, words)
    elif len(words) > 1:
        raise Refused("argument", (("argument", words[1][:20]), ("why", "not expected here")))
    session.pending = NOTHING
    return spec.command(verb), args


def answer(session, row, name, fields):
    """The lines that tell a person what became of a command."""
    if name:
        return (terminal.refusal(Refused(name, fields)),)
    lines = terminal.rows((fields,)) or ["ok"]
    if row[0] == "discard":
        session.pending = NOTHING
    for field, value in fields:
        if field == b"hash" and row[0] in ("rate", "stage"):
            lines += _ask(session, spec.command("commit"), {"hash": value}, "staged; nothing has changed yet")
    return lines


# --- who may


def _check(access, row, now_us):
    """Refuse a typed line that its sender may not send. Raises Refused."""
    if spec.may(row, "off"):
        return
    if spec.may(row, "none"):
        raise Refused("access", (("why", "for a host program"),))
    if access.is_host(now_us):
        raise Refused("host", ())
    who = "pin" if access.pin_hash else "typed"
    if not access.plain or access.has_key() and not access.pin_hash:
        who = "off"
    if not spec.may(row, who):
        raise Refused("access", (("why", _why_not(access, who)),))
    if row[0] == "terminal":
        return
    if now_us >= access.terminal_until_us:
        raise Refused("access", (("why", "type terminal first"),))
    access.terminal_until_us = now_us + IDLE_US


def _why_not(access, who):
    if who == "pin":
        return "on a rig with a PIN only a host program may do this"
    if not access.plain:
        return "typed programming is switched off"
    return "the rig has a key and no PIN: program it with pumprig, or set a PIN with pumprig key pin"


def _open_terminal(access, pin, now_us):
    """Let a person program from a plain terminal, who may (_check). Raises Refused."""
    if access.pin_hash:
        access.guesses.check(now_us)
        if not auth.is_same(auth.pin_hash(access.device_id, pin), access.pin_hash):
            access.guesses.wrong("pin", now_us)
            raise Refused("access", (("why", "wrong or missing PIN"),))
        access.guesses.right(now_us)
    access.terminal_until_us = now_us + IDLE_US


def _check_code(access, given, code, now_us):
    """Refuse a code that is not the one shown. Raises Refused."""
    access.guesses.check(now_us)
    if not auth.is_same(given, code):
        if len(given) == len(code):  # else it is no guess
            access.guesses.wrong("code", now_us)
        raise Refused("hash", (("why", "that is not the code shown"),))
    access.guesses.right(now_us)
