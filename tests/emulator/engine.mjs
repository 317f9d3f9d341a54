// node engine.mjs UF2 BOOTROM FOLDER: the step engine on the emulated Pico; one JSON document on stdout.
// Rules: says what was seen; what it ought to be is in test_step_engine.py. Units: cycles of 8 ns.
import { RigChip, STOP } from './rigchip.mjs';

const [uf2, bootrom, folder] = process.argv.slice(2);
const chip = new RigChip({ uf2, bootrom, eraseMs: 1, programMs: 0.1 });
await chip.install(folder);
await chip.py(`
import gc, time, rp2
from rig import config
from rig.stepper import Stepper
from rig.step_pio import step, count, coils
s = Stepper(config)
flash = rp2.Flash()
Q = 9973 * 86400 * 125_000_000
inc = ${9973n * 86400n * 7777n}
`);
const take = () => { const e = chip.edges; chip.edges = []; return e; };
const seen = {};
seen.words = JSON.parse(await chip.py('print([list(p[0]) for p in (step, count, coils)])'));
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
process.stdout.write(JSON.stringify(seen) + '\n', () => process.exit(0));
