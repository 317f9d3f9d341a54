// node engine.mjs UF2 BOOTROM FOLDER: the step engine on the emulated Pico; one JSON document on stdout.
// Rules: says what was seen; what it ought to be is in test_step_engine.py. Units: cycles of 8 ns.
import { COILS, RigChip, STOP } from './rigchip.mjs';

const [uf2, bootrom, folder] = process.argv.slice(2);
const chip = new RigChip({ uf2, bootrom, eraseMs: 1, programMs: 0.1 });
await chip.install(folder);
await chip.py(`
import gc, time, machine, rp2
machine.freq(125_000_000)
from rig.board import config
from rig.step.stepper import Stepper
from rig.step.pio import step, count
from rig.step.coil_pio import coils, coils_dark
from rig.board.cycles_pio import cycles
pins = [(r[0], r[1]) for r in config.PINS]
config.setup = lambda: config.Setup(config.DRIVER, config.MOTOR, 16, 40_000, config.PULSE_NS, pins)  # beyond a head's margin
s = Stepper(config)
flash = rp2.Flash()
Q = 9973 * 86400 * 125_000_000
inc = ${9973n * 86400n * 7777n}
`);
const take = () => { const e = chip.edges; chip.edges = []; return e; };
const seen = {};
seen.words = JSON.parse(await chip.py('print([list(p[0]) for p in (step, count, coils, coils_dark, cycles)])'));
// 400 ms of the CPU standing still, three times, while 7777 steps/s go on
chip.eraseMs = 400;
seen.erase = JSON.parse((await chip.py(`
acc = 0
def fill(left):
    global acc
    while left:
        taken, n, acc = s.append(acc, inc, Q, left)
        left -= taken
s.open()
for i in range(3):
    fill(62_500_000)
    flash.ioctl(6, 300)
    gc.collect()
while s.counted() < s.appended_steps: time.sleep_ms(1)
print([s.counted(), s.appended_steps, s.starved()])
s.cut()
`)).trim());
seen.erase_edges = take();
// cuts at odd moments
chip.eraseMs = 1;
seen.cuts = JSON.parse((await chip.py(`
out = []
for i in range(40):
    s.open()
    s.append(0, inc, Q, 12_500_000)
    time.sleep_us(137 * i + 411)
    running = s.counted()
    end = s.cut()
    time.sleep_ms(2)
    out.append([running, end, s.counted(), s.appended_steps])
print(out)
`)).trim());
seen.cut_edges = take().length;
// the stop button, while the CPU stands still for 400 ms in an erase
chip.eraseMs = 400;
const press = { at: 0 };
chip.watch(2, (level, cycle) => {
  if (level === 1 && chip.edges.length === 500 && !press.at) { press.at = cycle; chip.drive(STOP, 0); }
});
seen.halt = JSON.parse((await chip.py(`
s.open()
acc = 0
fill(50_000_000)
flash.ioctl(6, 300)
print([1 if s.halted else 0, s.counted(), s.cut()])
`)).trim());
seen.press = press.at;
seen.halt_edges = take();
chip.drive(STOP, 1);
// full priming speed, then a ramp down; afterwards 60 steps back
chip.eraseMs = 1;
chip.watch(22, (level, cycle) => { if (level === 1) seen.brake_at = cycle; });
seen.ramp = JSON.parse((await chip.py(`
import machine
mark = machine.Pin(22, machine.Pin.OUT, value=0)
begin = s.counted()
fast = 40_000 * Q // 125_000_000
s.open()
acc = 0
until = time.ticks_add(time.ticks_ms(), 500)
while time.ticks_diff(until, time.ticks_ms()) > 0:
    taken, n, acc = s.append(acc, fast, Q, 12_500_000)
    if not taken: time.sleep_ms(5)
mark.value(1)
while not s.ramp_down(): time.sleep_ms(20)
time.sleep_ms(50)
print([s.counted() - begin, s.appended_steps - begin])
`)).trim());
seen.ramp_edges = take();
seen.back = JSON.parse((await chip.py(`
before = s.reversed_steps
s.reverse(60, 125_000)
while s.counted() < s.appended_steps: time.sleep_ms(1)
s.cut()
print([s.reversed_steps - before])
`)).trim());
seen.back_edges = take().length;
// the other driver: four coils that follow the marker
const levels = COILS.map(() => 0), shown = [];
COILS.forEach((pin, bit) => chip.watch(pin, (level, cycle) => {
  levels[bit] = level === 1 ? 1 : 0;
  shown.push([cycle, levels.reduce((sum, on, i) => sum | on << i, 0)]);
}));
seen.coils = JSON.parse((await chip.py(`
from rig.board.pins import PINS
config.setup = lambda: config.Setup('uln2003', '28byj48', 2, 1000, config.PULSE_NS, [(r[0], r[1]) for r in PINS])
s = None
gc.collect()
c = Stepper(config)
c.open()
c.append(0, 1, 1_250_000, 19 * 1_250_000)
while c.counted() < 19: time.sleep_ms(1)
c.cut()
c.reverse(5, 1_250_000)
while c.counted() < 24: time.sleep_ms(1)
print([c.cut(), c.reversed_steps])
`)).trim());
seen.coil_patterns = take().map((edge) => shown.filter(([cycle]) => cycle <= edge + 20).at(-1)?.[1] ?? 0);
// the same with the current off 10 ms after a step: 8 steps/s, the CPU standing still in an erase, then 500 steps/s
chip.eraseMs = 400;
shown.length = 0;
seen.dark = JSON.parse((await chip.py(`
config.setup = lambda: config.Setup('uln2003', '28byj48', 2, 1000, config.PULSE_NS, [(r[0], r[1]) for r in PINS], 10, True)
c = None
gc.collect()
c = Stepper(config)
c.open()
c.append(0, 1, 15_625_000, 6 * 15_625_000)
c.append(0, 1, 250_000, 10 * 250_000)
flash.ioctl(6, 300)
while c.counted() < 16: time.sleep_ms(1)
time.sleep_ms(30)
print([c.cut()])
`)).trim());
seen.dark_edges = take();
seen.dark_shown = shown;
process.stdout.write(JSON.stringify(seen) + '\n', () => process.exit(0));
