"""The client on the real firmware: exactly once under a failing line, refusals, other protocols, no rig at all."""

import pytest
from hostline import Line, new_rig
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pumprig.errors import LinkError, RefusedError, UsageError
from pumprig.rig.client import Client
from pumprig.store import Store
from pumprig.store.intents import StoredIntents, fields_of
from pumpwire import codec, records, spec


@pytest.fixture(scope="module")
def rig():
    return new_rig()


def events_of(rig, verb):
    """(event, fields) of a verb's records, as they lie in the rig's flash."""
    journal = rig.rig.journal
    rows = []
    for number in range(journal.oldest(), journal.next_number):
        header, _state, text = records.unpack(journal.read(number))
        event, fields = records.EVENTS[header["event"]], fields_of(text)
        if event in ("command", "refused") and fields.get("verb") == verb:
            rows.append((event, fields))
    return rows


def times_done(rig, volume_nl):
    return sum(f.get("volume_nl") == str(volume_nl) for e, f in events_of(rig, "refill") if e == "command")


FAULT = st.tuples(
    st.sampled_from(["out", "in"]), st.sampled_from(["lose", "flip", "double", "cut"]), st.integers(0, 400)
)
VOLUMES = iter(range(1_000_001, 9_000_000))


@pytest.mark.requirement("SR-30")
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(faults=st.lists(FAULT, max_size=6), reopens=st.sampled_from([0, 1, 50]))
def test_a_change_acts_exactly_once_whatever_the_line_does_and_its_stated_outcome_is_true(
    rig, faults, reopens
):
    line = Line(rig)
    line.reopen()
    client = Client(line)
    client.greet()
    client.read("open")
    line.faults.extend(faults)
    line.reopens_left = reopens
    volume_nl = next(VOLUMES)
    try:
        client.change("refill", {"volume_nl": volume_nl})
        outcome = "done"
    except LinkError as error:
        outcome = error.outcome
    except RefusedError:
        outcome = "refused"
    line.faults.clear()
    line.reopens_left = 1_000
    line.reopen()
    line.pause(1)
    done = times_done(rig, volume_nl)
    assert done <= 1
    assert {"done": done == 1, "not done": done == 0, "refused": done == 0, "unknown": True}[outcome]


@pytest.mark.requirement("SR-30")
@pytest.mark.parametrize("direction", ["out", "in"])
@pytest.mark.parametrize("host_restarts", [False, True])
def test_a_cut_after_each_byte_of_a_command_or_its_answer_never_doubles_it(
    rig, tmp_path, direction, host_restarts
):
    store = Store(tmp_path / "log.db")
    for where in range(0, 60, 3):
        line = Line(rig)
        line.reopen()
        client = Client(line, StoredIntents(store))
        client.greet()
        client.read("open")
        line.faults.append((direction, "cut", where))
        line.reopens_left = 0 if host_restarts else 50
        volume_nl = next(VOLUMES)
        try:
            client.change("refill", {"volume_nl": volume_nl})
            outcome = "done"
        except LinkError as error:
            outcome = error.outcome
        assert (outcome == "unknown") == host_restarts
        if host_restarts:
            line.reopens_left = 50
            line.reopen()
            again = Client(line, StoredIntents(store))
            settled = StoredIntents(store).settle_by_number(again.greet().device_id, again.greet().last_seq)
            done = times_done(rig, volume_nl)
            assert [row.outcome for row in settled] == ([] if done else ["not done"])
        else:
            assert times_done(rig, volume_nl) == 1
    store.close()


def test_a_refusal_names_the_rule_the_numbers_and_that_nothing_changed(rig):
    client = Client(Line(rig))
    with client.session(), pytest.raises(RefusedError) as caught:
        client.change("bolus", {"volume_nl": 5_000, "over_ms": 60_000, "spread": 0})
    assert caught.value.exit_code == 3
    assert caught.value.name == "state"
    assert "not running" in str(caught.value)
    assert "Nothing was changed" in str(caught.value)


@pytest.mark.requirement("SR-17")
def test_what_is_committed_is_named_by_the_hash_that_the_device_read_back(rig):
    client = Client(Line(rig))
    with client.session():
        staged = client.change("rate", {"rate_nl_per_day": 480_000}).fields
        with pytest.raises(RefusedError) as caught:
            client.commit("0" * 16, False)
        assert caught.value.name == "hash"
        assert client.commit(staged["hash"], False).fields["hash"] == staged["hash"]
    assert client.read("status").fields["therapy_hash"] == staged["hash"]


@pytest.mark.requirement("SR-28")
def test_stop_needs_neither_greeting_nor_session_nor_number_and_survives_a_lost_answer(rig):
    client = Client(Line(rig))
    with client.session():
        client.commit(client.change("rate", {"rate_nl_per_day": 480_000}).fields["hash"], False)
    line = Line(rig, [("in", "lose", 0)])
    assert "delivered_steps" in Client(line).stop().fields
    assert [sent for sent in line.sent if sent] == [codec.request(0, "stop")] * 2
    assert rig.rig.therapy.mode == "stopped"


def test_a_value_beyond_the_tables_range_is_refused_before_anything_is_sent(rig):
    line = Line(rig)
    client = Client(line)
    client.greet()
    before = list(line.sent)
    with pytest.raises(UsageError, match="outside the allowed range"):
        client.change("bolus", {"volume_nl": 10**9, "over_ms": 60_000})
    assert line.sent == before


class Stranger:
    """A port with something else on it: it says `talk` to every line."""

    address = "stranger"

    def __init__(self, talk):
        self.talk = talk
        self.waited_s = 0.0
        self._queue = []

    def send(self, line):
        if line:
            self._queue = list(self.talk(line))

    def receive(self, timeout_s):
        if self._queue:
            return self._queue.pop(0)
        self.waited_s += timeout_s
        return None

    def reopen(self):
        return

    def pause(self, seconds):
        self.waited_s += seconds

    def close(self):
        return


@pytest.mark.parametrize(
    ("talk", "said"),
    [
        (lambda line: [], "nothing came back"),
        (lambda line: ["\x00\xff noise" * 3], "no answer of a pump rig"),
        (lambda line: [">>> " + line, "SyntaxError: invalid syntax"], "MicroPython"),
        (lambda line: [codec.answer(codec.parse(line, ">")[0], "ok")], "not as a pump rig"),
    ],
)
def test_a_port_that_is_no_rig_is_told_within_three_seconds(talk, said):
    stranger = Stranger(talk)
    with pytest.raises(LinkError, match=said) as caught:
        Client(stranger).greet()
    assert stranger.waited_s <= 3
    assert caught.value.exit_code == 4


def test_another_protocol_version_is_refused_naming_both_and_nothing_is_sent_after_it():
    def talk(line):
        fields = (("device_id", "a"), ("firmware", "9.9"), ("protocol", 7), ("digest", "f" * 16))
        return [
            codec.answer(
                codec.parse(line, ">")[0], "ok", (*fields, ("boot", 1), ("last_seq", 0), ("last_code", 0))
            )
        ]

    with pytest.raises(RefusedError) as caught:
        Client(Stranger(talk)).greet()
    assert "protocol 7 (ffffffffffffffff)" in str(caught.value)
    assert f"protocol {spec.PROTOCOL} (" in str(caught.value)
