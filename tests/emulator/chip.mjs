// Chip: the emulated Pico with one timebase and an exact, fast PIO scheduler. Use this class; pico.mjs is its base.
//  - `now` is the only clock: timer, PWM, PIO and SIO edges share it.
//  - While the CPU sleeps or the flash is busy, PIO steps, alarms and DMA are taken in time order, one event at a time.
//  - A stalled state machine resumes on its own divider grid, at the event that ended the stall.
//  - `jmp x--/y-- self` and two-instruction delay loops are fast-forwarded exactly (undone if the CPU touches the PIO meanwhile).
//  - A pad driven as output is seen by its own input (PIO `wait pin`, Pin.irq); pulled-up inputs read 1.
import { Pico } from './pico.mjs';

export class Chip extends Pico {
  constructor(o = {}) {
    super(o);
  }
  boot(wd = null) {
    if (this.ffOn === undefined) { this.ffOn = process.env.NOFF ? false : true; this.pinCbs = this.pinCbs || []; }
    super.boot(wd);
    this.base = this.now;
    this.mcu.gpio.forEach((g, i) => {
      g.addListener((v) => {
        for (const [p, cb] of this.pinCbs) if (p === i) cb(v, this.stamp());
        if (v <= 1) g.setInputValue(v === 1); else if (v === 3) g.setInputValue(true); else if (v === 4) g.setInputValue(false);
      });
    });
  }
  stamp() { return this.pioNow ?? this.base + this.sim.clock.nanosCounter / 8; }
  watch(pin, cb) { (this.pinCbs = this.pinCbs || []).push([pin, cb]); }
  setupPio() {
    this.pioOn = false; this.act = [];
    for (const [pi, pio] of this.mcu.pio.entries()) {
      pio.run = () => {};
      pio.machines.forEach((m) => { m.P = pio; m.due = 0; m.st = 0; m.ff = null; m.loopPc = -1; });
      const w = pio.writeUint32.bind(pio);
      pio.writeUint32 = (off, val) => {
        const fifo = off >= 0x10 && off < 0x30;                 // TXF/RXF: no need to undo fast-forwards
        const nowFp = this.now * 256;
        if (!fifo) this.materialise(nowFp);
        const before = pio.machines.map((m) => m.enabled);
        w(off, val);
        if (!fifo) pio.checkChangedPins();                      // forced instructions (sm.exec, set_init) show on the pins at once
        if (off === 0) {
          pio.machines.forEach((m, i) => { if (m.enabled && !before[i]) { m.due = nowFp; m.st = 0; m.ff = null; m.loopPc = -1; } });
          this.act = this.mcu.pio.flatMap((p) => p.machines.filter((m) => m.enabled));
          this.pioOn = this.act.length > 0;
        }
      };
    }
  }
  materialise(curFp) {
    for (const m of this.act) {
      const f = m.ff; if (!f) continue;
      m.ff = null; m.loopPc = -1;
      if (f.park) { m.due = Math.max(f.t0, curFp); continue; }
      if (curFp >= m.due) continue;
      const done = Math.min(f.n, Math.max(0, Math.floor((curFp - f.t0) / f.cost)));
      m[f.reg] = (f.end + (f.n - done)) >>> 0; m.due = f.t0 + done * f.cost;
    }
  }
  // drive a pin from outside, as a button does; state machines see it from the present cycle on
  drive(gpio, level) {
    const nowFp = this.now * 256;
    this.materialise(nowFp);
    this.mcu.gpio[gpio].setInputValue(!!level);
  }
  // earliest state machine to step; resolves ended stalls as of curFp
  nextPio(curFp) {
    let best = null, bd = Infinity;
    for (const m of this.act) {
      if (m.waiting) m.checkWait();
      if (m.waiting) { m.st = 1; continue; }
      if (m.st) {
        m.st = 0;
        const div = this.div(m), T = m.due - div;               // T: the tick at which it stalled
        const k = Math.max(1, Math.ceil((curFp - T) / div));
        m.due = T + (k + 1 + Math.max(0, m.waitDelay)) * div; m.waitDelay = 0;
      }
      if (m.due < bd) { bd = m.due; best = m; }
    }
    return best;
  }
  stepOne(m) {
    const pio = m.P, pc = m.pc, op = pio.instructions[pc], div = this.div(m), t = m.due, c0 = m.cycles;
    m.ff = null;
    this.pioNow = Math.ceil(t / 256);
    m.step();
    pio.checkChangedPins();
    this.pioNow = undefined;
    m.due = t + Math.max(1, m.cycles - c0) * div;
    if (m.waiting) { m.st = 1; m.loopPc = -1; return; }
    if (this.ffOn) this.tryFf(m, pc, op, div);
  }
  delayOf(m, op) { return ((op >> 8) & 0x1f) & ((1 << (5 - m.sidesetCount)) - 1); }
  tryFf(m, pc, op, div) {
    if (m.execValid) { m.loopPc = -1; return; }
    const I = m.P.instructions, jmp = (op >>> 13) === 0, cond = (op >> 5) & 7;
    if (jmp && (cond === 2 || cond === 4) && (op & 31) === pc && m.pc === pc) {      // jmp x--, self
      const reg = cond === 2 ? 'x' : 'y', r = m[reg] >>> 0;
      if (r > 1) this.ff(m, reg, r, 0, (1 + this.delayOf(m, op)) * div);
      return;
    }
    if (jmp && cond === 0 && (op & 31) === pc && m.pc === pc) {                       // jmp self: parked until the CPU interferes
      m.ff = { park: true, t0: m.due }; m.due = Infinity;
      return;
    }
    if (jmp && (cond === 2 || cond === 4) && m.pc === (op & 31) && m.pc !== pc) {     // back edge of a two-instruction loop: A ... B: jmp r--, A
      const A = m.pc, opA = I[A], reg = cond === 2 ? 'x' : 'y';
      const aj = (opA >>> 13) === 0;
      const idem = (opA >>> 13) === 7 && [0, 4].includes((opA >> 5) & 7) || (opA & 0xe0ff) === 0xa042;   // set pins/pindirs, nop
      const neq = aj && ((opA >> 5) & 7) === 5 && (opA & 31) === pc && cond === 2;                        // A: jmp x!=y, B
      // A: jmp pin, B with the pin high: goes on until drive() changes the pin
      const onPin = aj && ((opA >> 5) & 7) === 6 && (opA & 31) === pc && m.rp2040.gpio[m.jmpPin].inputValue;
      if ((idem && (A + 1 & 31) === pc && m.wrapTop !== A) || neq || onPin) {
        if (m.loopPc === A) {
          const cost = (2 + this.delayOf(m, opA) + this.delayOf(m, op)) * div;
          const x = m[reg] >>> 0; let n = x;
          if (neq) { const y = m.y >>> 0; n = x === y ? 0 : y < x ? x - y : x; }
          if (n > 1) this.ff(m, reg, n, x - n, cost);
        } else m.loopPc = A;                                                        // once round first, so side-set/set are applied
        return;
      }
    }
    if (m.loopPc >= 0 && pc !== m.loopPc && m.pc !== m.loopPc) m.loopPc = -1;
  }
  ff(m, reg, n, end, cost) { m.ff = { reg, n, end, t0: m.due, cost }; m[reg] = end >>> 0; m.due += n * cost; }
  stepPio(to) {
    const toFp = to * 256; let cur = toFp;
    for (;;) {
      const m = this.nextPio(cur);
      if (!m || m.due >= toFp) return;
      cur = m.due;
      this.stepOne(m);
    }
  }
  advance(t) {
    const d = Math.max(0, t - this.now);
    this.sim.clock.tick(d * 8); this.now += d; this.idleCycles += d;
  }
  // the flash is busy: the CPU stands still with interrupts off, everything else runs on
  busy(cycles) {
    const clock = this.sim.clock, stop = this.now + cycles;
    while (this.now < stop) {
      const alarm = clock.nextAlarm ? Math.max(this.now + 1, Math.ceil(clock.nextAlarm.nanos / 8 - 1e-9) + this.base) : Infinity;
      const t = Math.min(alarm, stop);
      const m = this.pioOn ? this.nextPio(this.now * 256) : null;
      if (m) {
        const due = Math.ceil(m.due / 256);
        if (due < t) { if (due > this.now) this.advance(due); this.stepOne(m); continue; }
      }
      this.advance(t);
    }
  }
  idle(stop) {
    const clock = this.sim.clock, core = this.mcu.core;
    while (core.waiting && this.now < stop && !this.resetPending) {
      const a = clock.nextAlarm ? Math.max(this.now, Math.ceil(clock.nextAlarm.nanos / 8 - 1e-9) + this.base) : Infinity;
      let t = Math.min(a, stop); if (t === Infinity) t = this.now + 125000;
      if (this.pioOn) {
        const m = this.nextPio(this.now * 256);
        if (m) {
          const c = Math.ceil(m.due / 256);
          if (c < t || (c === t && t !== a)) { if (c > this.now) this.advance(c); if (core.waiting) this.stepOne(m); continue; }
        }
      }
      this.advance(t);
    }
  }
  batch(n, maxCycles = Infinity) {
    const stop = this.now + maxCycles, { mcu, hooks } = this, core = mcu.core, clock = this.sim.clock;
    for (let i = 0; i < n; i++) {
      if (this.resetPending) { this.reset(); return; }
      if (this.now >= stop) break;
      if (core.waiting) { this.idle(stop); continue; }
      if (core.PC < 0x4000) { const h = hooks.get(core.PC); if (h) { const cycles = Math.round(h(core.registers) || 0); core.PC = core.LR & ~1; if (cycles) this.busy(cycles); } }
      const c = core.executeInstruction();
      this.instr++;
      clock.tick(c * 8); this.now += c;
      if (this.pioOn) this.stepPio(this.now);
    }
    this.pump();
  }
}
