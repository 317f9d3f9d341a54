"""Two hosts on one number, across boots: what each is told of its commands against what the rig's log holds.

Owns: a trial drawn by a seed: two hosts with stores of their own send, lines and answers are lost, the power goes.
Rules: each command carries a volume that no other has, so that the rig's records tell whose it was without any number;
firmware, clients and stores are the real ones; a host asks with a pull at the end, as `log pull` does.
Units: nL.
Leaves: the failing line to tests/hostline.py.
"""

import random
from binascii import a2b_base64
from contextlib import suppress

from hostline import Line, new_rig
from pumprig.errors import LinkError, PumpError, RefusedError
from pumprig.rig.client import Client
from pumprig.rig.pull import pull
from pumprig.store import Store
from pumprig.store.intents import StoredIntents, fields_of
from pumpwire import records

STEPS = 7  # commands and cuts of power in a trial


class Host:
    """One computer: its store, and a client that is made anew after each failure, as a new command would be."""

    def __init__(self, rig, path):
        self.rig = rig
        self.store = Store(path)
        self.intents = StoredIntents(self.store)
        self.sent = {}  # volume: what the host was told at once
        self.client = None

    def send(self, volume_nl, faults):
        """A refill of this volume, with faults on the line."""
        line = Line(self.rig)
        try:
            if self.client is None:
                self.client = Client(line, self.intents)
                self.client._open()
            line = self.client._transport
            line.reopens_left = 0
            line.faults.extend(faults)
            self.client.change("refill", {"volume_nl": volume_nl})
            self.sent[volume_nl] = "done"
        except LinkError as error:
            self.sent[volume_nl] = error.outcome
            self.client = None
        except RefusedError:
            self.sent[volume_nl] = "refused"
            self.client = None
        finally:
            line.faults.clear()
            line.reopens_left = 50
            if not line.plugged:
                line.reopen()

    def settled(self):
        """{volume: outcome} after a pull, from this host's own store. Raises PumpError."""
        client = Client(Line(self.rig), self.intents)
        greeting = client.greet()
        self.intents.settle_by_number(greeting.device_id, greeting.last_seq)
        pull(client, self.store)
        with self.store.guard():
            rows = self.store.db.execute("SELECT line, outcome FROM intents WHERE verb = 'refill'").fetchall()
        told = {}
        for line, outcome in rows:
            told[int(fields_of(line)["volume_nl"])] = outcome
        return told


def done_by_the_log(rig):
    """The volumes of the refills that the rig's log says were carried out."""
    client = Client(Line(rig))
    found = []
    number = rig.rig.journal.oldest()
    while number < rig.rig.journal.next_number:
        rows = client.read("log", {"start": number, "count": 60}).rows
        page = [a2b_base64(row["record"]) for row in rows if "record" in row]
        for raw in page:
            header, _state, text = records.unpack(raw)
            told = fields_of(text)
            if records.EVENTS[header["event"]] == "command" and told.get("verb") == "refill":
                found.append(int(told["volume_nl"]))
        number += len(page)
    return found


def trial(folder, seed):
    """What is wrong after one drawn history; empty: nothing."""
    chance = random.Random(seed)
    rig = new_rig(3)
    hosts = [Host(rig, folder / f"{seed}-{name}.db") for name in "ab"]
    volume_nl = 1_000_001
    for _ in range(STEPS):
        if chance.random() < 0.25:
            rig.power_off()
            rig.power_on()
            rig.port.listen(True)
            for host in hosts:
                if chance.random() < 0.5:
                    host.client = None
            continue
        host = chance.choice(hosts)
        kind = chance.choice(("none", "lose out", "lose in", "cut out", "cut in"))
        what, _space, direction = kind.partition(" ")
        faults = [] if kind == "none" else [(direction, what, chance.randrange(60))]
        volume_nl += 2
        host.send(volume_nl, faults)
        if chance.random() < 0.5:
            host.client = None
    carried_out = done_by_the_log(rig)
    wrong = [f"{nl} was carried out twice" for nl in set(carried_out) if carried_out.count(nl) > 1]
    for host in hosts:
        try:
            settled = host.settled()
        except PumpError as error:
            wrong.append(f"a pull failed: {error}")
            continue
        for nl, at_once in host.sent.items():
            truth = nl in carried_out
            if at_once in ("done", "not done", "refused") and (at_once == "done") != truth:
                wrong.append(f"{nl}: told at once {at_once}, carried out {truth}")
            outcome = settled.get(nl, "never begun")
            if outcome in (None, "unknown") or (outcome == "done") != truth:
                wrong.append(f"{nl}: settled as {outcome}, carried out {truth}")
        with suppress(Exception):
            host.store.close()
    return [f"seed {seed}: {text}" for text in wrong]
