// node timing.mjs UF2 BOOTROM FOLDER PARTS (`short`, or some of idle,load,flows,change,million,others): step rates on the emulated Pico; one JSON document on stdout.
// Rules: every figure comes from edges that left the step pin, in cycles of 8 ns; ideal instants are computed with BigInt.
// Callers: bench/timing.py, tests/emulator. Units: cycles, us.
import { RigChip } from '../tests/emulator/rigchip.mjs';

const [uf2, bootrom, folder, parts] = process.argv.slice(2);
const QUANTUM = 9973n * 86400n * 125000000n * 200n;
const chip = new RigChip({ uf2, bootrom, eraseMs: 1, programMs: 0.1 });
await chip.install(folder);
await chip.py(`
import gc, time, machine, rp2, sys
from rig.board import config
from rig.step.stepper import Stepper
config.MICROSTEPS = 64
chosen = config.Setup(config.DRIVER, config.MOTOR, 64, 100000, config.PULSE_NS, [])
chosen.start_hz = 200000
config.setup = lambda: chosen
s = Stepper(config)
gc.collect()
base = [gc.mem_free()]
Q = ${QUANTUM}
flash = rp2.Flash()
def feed(inc, us, load, pause_ms):
    acc = left = 0
    left = us * 125
    worst = 0
    junk = [bytearray(1000) for _ in range(100)] if load else None
    before = s.starved()
    s.open()
    begin = last = time.ticks_us()
    n = 0
    while left or s.counted() < s.appended_steps:
        while left and s.appended_cycles < time.ticks_diff(time.ticks_us(), begin) * 125 + 375_000_000:
            t = time.ticks_us()
            taken, made, acc = s.append(acc, inc, Q, min(left, 125_000_000))
            worst = max(worst, time.ticks_diff(time.ticks_us(), t))
            left -= taken
            if not taken: break
        n += 1
        if load and n % 4 == 0: gc.collect()
        if load and n % 2: sys.stdout.write('#' * 63 + '\\n')
        if load > 1 and n % 8 == 2: flash.ioctl(6, 300)
        time.sleep_ms(pause_ms)
    starved = s.starved() - before
    return s.cut(), starved, worst
`);
const ratio = (r) => { const [n, d = '1'] = String(r).split('/'); return [BigInt(n), BigInt(d)]; };
// mean, largest and rms figures of edges against ideal instants k * period from the stream's start
function figures(edges, num, den) {       // period = num / den cycles
  if (edges.length < 2) return { steps: edges.length };
  const e0 = edges[0];
  let most = 0, gap = 0, sum2 = 0;
  const first = (num + den - 1n) / den;    // ceil(period): where edge 1 has to be
  const start = BigInt(e0) - first;
  for (let k = 0; k < edges.length; k++) {
    const d = BigInt(edges[k]) - start;
    const off = Number(d * den - BigInt(k + 1) * num) / Number(den);
    if (Math.abs(off) > Math.abs(most)) most = off;
    if (k) { const p = edges[k] - edges[k - 1]; if (p > gap) gap = p; const j = p - Number(num) / Number(den); sum2 += j * j; }
  }
  const span = edges[edges.length - 1] - e0;
  const ideal = Number(num) / Number(den) * (edges.length - 1);
  const drift = Number((BigInt(edges[edges.length - 1]) - start) * den - BigInt(edges.length) * num) / Number(den);
  return { steps: edges.length, ppm: (ideal / span - 1) * 1e6, worst_cycles: most, rms_cycles: Math.sqrt(sum2 / (edges.length - 1)), gap_over_period: gap / (Number(num) / Number(den)), drift_cycles: drift };
}
const rows = [];
function take() { const e = chip.edges; chip.edges = []; return e; }
const say = (row) => { rows.push(row); process.stderr.write(JSON.stringify(row) + '\n'); };
const SCALE = QUANTUM / 125000000n;     // units a cycle for 1 step/s
// load: 0 none, 1 collections with 100 kB live and output, 2 erases as well
async function ours(name, inc, us, load, eraseMs = 45) {
  chip.eraseMs = eraseMs; take();
  const out = await chip.py(`r = feed(${inc}, ${us}, ${load}, ${us > 100e6 ? 1000 : us > 4e6 && Number(inc) < Number(SCALE) * 100 ? 100 : 10})\nprint(r)`);
  const [counted, starved, append_us] = out.match(/-?\d+/g).map(Number);
  say({ what: 'pumprig', rate: name, load: ['idle', 'gc, output', `gc, output, ${eraseMs} ms erases`][load], starved, append_us, ...figures(take(), QUANTUM, BigInt(inc)) });
}
const steps = [['0.7', 7n, 10n, 12], ['17.3', 173n, 10n, 3], ['333.3', 3333n, 10n, 3], ['7777', 7777n, 1n, 2], ['19997', 19997n, 1n, 1], ['99991', 99991n, 1n, 0.5], ['0.0137', 137n, 10000n, 230]];
const flows = [['2000 nL/h', 2000n], ['20000 nL/h', 20000n], ['1000000 nL/h', 1000000n]];   // 9973 nL a revolution of 3200 steps
const short = parts === 'short', f = short ? 0.25 : 1;
const wanted = (part) => short ? part !== 'million' : parts.split(',').includes(part);
for (const [name, n, d, seconds] of steps) {
  const inc = SCALE * n / d, hz = Number(n) / Number(d), slowest = seconds > 100;
  const us = Math.round(seconds * 1e6 * (slowest ? 1 : f));
  if (wanted('idle')) await ours(`${name}/s`, inc, us, 0);
  if (!wanted('load') || slowest && short) continue;
  // the ring has to outlast the erase: at 19 997/s it outlasts 45 ms, at 99 991/s none, so there erases have to wait
  await ours(`${name}/s`, inc, us, hz < 20000 ? 2 : 1);
  if (hz < 8000 && !slowest) await ours(`${name}/s`, inc, us, 2, 400);
}
for (const [name, nl] of wanted('flows') ? flows : [])
  for (const load of [0, 2]) await ours(name, QUANTUM * nl * 3200n / (9973n * 3600n * 125000000n), Math.round(Number(9973n * 3600n) / (3200 * Number(nl)) * 6e6), load);
// drift over a million steps
if (wanted('million')) await ours('19997/s, a million', SCALE * 19997n, 50_010_000, 0);
// 99 991 steps/s with a rate change every 100 ms
if (wanted('change')) {
  const seconds = short ? 1 : 10; take();
  const out = await chip.py(`
def change(n):
    acc = 0; worst = 0; total = 0; base = s.counted()
    incs = (${SCALE * 99991n}, ${SCALE * 88883n}, ${SCALE * 99991n}, ${SCALE * 71993n})
    s.open()
    for i in range(n):
        left = 12_500_000
        while left:
            t = time.ticks_us()
            taken, made, acc = s.append(acc, incs[i & 3], Q, left)
            worst = max(worst, time.ticks_diff(time.ticks_us(), t))
            left -= taken; total += made
            if not taken: time.sleep_ms(5)
    while s.counted() < s.appended_steps: time.sleep_ms(1)
    starved = s.starved()
    return s.cut() - base, total, starved, worst
r = change(${seconds * 10})
print(r)`);
  const [counted, queued, starved, append_us] = out.match(/-?\d+/g).map(Number);
  const edges = take(), incs = [99991n, 88883n, 99991n, 71993n].map((x) => SCALE * x);
  let worst = 0, k = 0, acc = 0n, at = 0n, begin = null;
  for (let i = 0; i < seconds * 10; i++) {
    const inc = incs[i & 3];
    for (let j = 1n; j * QUANTUM - acc <= inc * 12500000n; j++) {
      const num = j * QUANTUM - acc;
      if (begin === null) begin = BigInt(edges[0]) - (num + inc - 1n) / inc;
      const off = Number((BigInt(edges[k]) - begin - at) * inc - num) / Number(inc);
      if (Math.abs(off) > Math.abs(worst)) worst = off;
      k++;
    }
    acc = (acc + inc * 12500000n) % QUANTUM; at += 12500000n;
  }
  say({ what: 'pumprig', rate: '99991/s, changes each 100 ms', load: 'idle', steps: edges.length, ideal_steps: k, counted, queued, starved, append_us, worst_cycles: worst });
}
// what others do: a machine.Timer stepper and a sleep_us loop, idle and under the same kind of load
await chip.py(`
pin = machine.Pin(15, machine.Pin.OUT, value=0)
def pulse(t):
    pin.value(1); pin.value(0)
def timer(hz, ms, load):
    junk = [bytearray(1000) for _ in range(100)] if load else None
    t = machine.Timer(freq=hz, callback=pulse, hard=False)
    end = time.ticks_add(time.ticks_ms(), ms); n = 0
    while time.ticks_diff(end, time.ticks_ms()) > 0:
        n += 1
        if load and n % 4 == 0: gc.collect()
        if load and n % 4 == 1: sys.stdout.write('#' * 63 + '\\n')
        time.sleep_ms(10)
    t.deinit()
def loop(hz, ms, load):
    junk = [bytearray(1000) for _ in range(100)] if load else None
    us = round(1000000 / hz); n = 0
    end = time.ticks_add(time.ticks_ms(), ms); due = time.ticks_ms()
    while time.ticks_diff(end, time.ticks_ms()) > 0:
        pulse(0); time.sleep_us(us)
        if load and time.ticks_diff(time.ticks_ms(), due) >= 40:
            due = time.ticks_ms(); gc.collect(); sys.stdout.write('#' * 63 + '\\n')
`);
chip.watch(15, (level, cycle) => { if (level === 1) chip.edges.push(cycle); });
for (const [name, n, d] of wanted('others') ? [['17.3', 173, 10], ['333.3', 3333, 10], ['7777', 7777, 1]] : [])
  for (const what of ['timer', 'loop'])
    for (const load of [0, 1]) {
      chip.eraseMs = 45; take();
      await chip.py(`${what}(${n / d}, ${Math.round(1000 * f)}, ${load})`);
      say({ what: what === 'timer' ? 'machine.Timer' : 'sleep_us loop', rate: `${name}/s`, load: load ? 'gc, output' : 'idle', ...figures(take(), 125000000n * BigInt(d), BigInt(n)) });
    }
const pauses = await chip.py(`
gc.collect()
t = time.ticks_us(); gc.collect(); a = time.ticks_diff(time.ticks_us(), t)
junk = [bytearray(1000) for _ in range(100)]
t = time.ticks_us(); gc.collect(); b = time.ticks_diff(time.ticks_us(), t)
t = time.ticks_us(); s.counted(); c = time.ticks_diff(time.ticks_us(), t)
t = time.ticks_us(); s.cut(); d = time.ticks_diff(time.ticks_us(), t)
print(a, b, c, d, base[0])`);
const [gc_us, gc_100k_us, counted_us, cut_us, heap_free] = pauses.match(/\d+/g).map(Number);
console.log(JSON.stringify({ rows, costs: { gc_us, gc_100k_us, counted_us, cut_us, heap_free } }));
process.exit(0);
