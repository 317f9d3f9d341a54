"""A simulated Pico keeps time, pins, watchdog and power as the real one does, and several do not disturb each other."""

import gc
import sys
import time

import pytest
from rigsim import shims
from rigsim.chip import CYCLES_PER_MS, TICKS_MASK, WDT_RESET, Chip, on, set_current
from rigsim.power import ChipReset, PowerCut

shims.install()
machine = sys.modules["machine"]


def powered(seed: int = 0) -> Chip:
    chip = Chip(seed)
    chip.power_on()
    return chip


def test_ticks_wrap_at_two_to_the_thirty_and_their_difference_does_not() -> None:
    chip = powered()
    chip.ticks_offset_us = TICKS_MASK - 10
    with on(chip):
        before = time.ticks_us()
        time.sleep_us(100)
        after = time.ticks_us()
        assert after < before
        assert time.ticks_diff(after, before) == 100


def test_waiting_takes_virtual_time_only() -> None:
    chip = powered()
    start_s = time.monotonic()
    with on(chip):
        time.sleep_ms(3_000_000)
    assert chip.now == 3_000_000 * CYCLES_PER_MS
    assert time.monotonic() - start_s < 300, "of 3000 s"


def test_a_button_reads_its_pull_up_until_it_is_pressed() -> None:
    chip = powered()
    with on(chip):
        button = machine.Pin(10, machine.Pin.IN, machine.Pin.PULL_UP)
        assert button.value() == 1
        chip.drive(10, 0)
        assert button.value() == 0
        chip.drive(10, None)
        assert button.value() == 1


def test_a_watcher_hears_each_change_once_and_before_it_takes_effect() -> None:
    chip = powered()
    heard: list[tuple[int, int, int]] = []
    chip.watch(5, lambda cycle, level: heard.append((cycle, level, chip.level(5))))
    with on(chip):
        pin = machine.Pin(5, machine.Pin.OUT, value=0)
        chip.now = 7
        pin.value(1)
        pin.value(1)
        chip.now = 9
        pin.off()
    assert heard == [(7, 1, 0), (9, 0, 1)]


def test_a_reset_lets_go_of_every_output() -> None:
    chip = powered()
    chip.drive(4, 1)
    with on(chip):
        machine.Pin(4, machine.Pin.OUT, value=0)
    chip.power_off()
    assert chip.level(4) == 1


@pytest.mark.requirement("SR-24")
def test_a_watchdog_that_is_not_fed_resets_the_chip() -> None:
    chip = powered()
    with on(chip):
        watchdog = machine.WDT(timeout=8388)
        time.sleep_ms(8000)
        watchdog.feed()
        time.sleep_ms(8000)
        with pytest.raises(ChipReset) as reset:
            time.sleep_ms(1000)
    assert reset.value.cause == WDT_RESET


def test_without_power_nothing_answers() -> None:
    chip = powered()
    with on(chip):
        pin = machine.Pin(5, machine.Pin.OUT)
        bus = machine.I2C(0, scl=pin, sda=pin)
        chip.power_off()
        for access in (
            pin.value,
            time.ticks_us,
            lambda: bus.readfrom(0x36, 1),
            lambda: chip.flash.ioctl(6, 3),
        ):
            with pytest.raises(PowerCut):
                access()


def test_an_absent_device_is_an_os_error() -> None:
    chip = powered()
    with on(chip):
        bus = machine.I2C(0, scl=machine.Pin(17), sda=machine.Pin(16), freq=400_000, timeout=2000)
        with pytest.raises(OSError, match="5"):
            bus.readfrom_mem(0x36, 0x0C, 2)


def test_two_chips_share_nothing() -> None:
    one, other = powered(1), powered(2)
    with on(one):
        first = machine.Pin(5, machine.Pin.OUT, value=1)
        with on(other):
            second = machine.Pin(5, machine.Pin.OUT, value=0)
            assert machine.unique_id() == other.unique_id
        assert machine.unique_id() == one.unique_id
    assert (first.value(), second.value()) == (1, 0)
    assert one.unique_id != other.unique_id


def test_collecting_garbage_is_python_s_own_again_outside_the_firmware() -> None:
    before = set_current(None)
    gc.disable()  # a collection at Python's own moment would find the loop first
    try:
        loop: list[object] = []
        loop.append(loop)
        del loop
        with on(powered()):
            assert gc.collect() == 0
        assert gc.collect() > 0
    finally:
        gc.enable()
        set_current(before)
