// An emulated Pico 2 (RP2350, its Arm cores) on rp2350js 2.0, which is in no package registry: PUMPRIG_RP2350JS names a folder with its
// dist/esm. It boots a MicroPython UF2 through the chip's own boot ROM. As chip.mjs does, with the same names:
//  - one timebase, `now` in units of 8 ns, whatever the system clock is: that follows PLL and multiplexer, 12 or 150 MHz until the firmware sets it;
//  - flash that erases and programs, and takes its time; the watchdog's reset; a pad's own input sees what it drives;
//  - cycles in which no state machine touches a pin or a FIFO are taken at once.
// What it cannot show: the flash's cache (code from flash runs as fast as from RAM), the errata, another chip's radio.
import fs from 'node:fs';
import path from 'node:path';
import { mendUart } from './uart.mjs';

const lib = path.resolve(process.env.PUMPRIG_RP2350JS ?? '.', 'dist', 'esm');
const { RP2350 } = await import(path.join(lib, 'rp2350.js'));
const { USBCDC } = await import(path.join(lib, 'usb', 'cdc.js'));
const { ConsoleLogger, LogLevel } = await import(path.join(lib, 'utils', 'logging.js'));

const UNIT_NS = 8, PLL = 0x40050, CLOCKS = 0x40010, ROM_BYTES = 0x8000, ROM_LOOKUP = 0x16, ADDR = 0x0c;
const MCRR = 0xec40, OUT_ALL = 0x10, SET = 0x18, CLEAR = 0x20, XOR = 0x28, ENABLES = 0x20;   // of SIO
const [PIN, RX, TX, OUT] = [1, 2, 3, 5];                     // what a machine can wait for

export class Chip {
  constructor({ uf2, eraseMs = 45, programMs = 0.4 }) {
    Object.assign(this, { eraseMs, programMs, base: 0, instr: 0, resets: 0, rx: [], onData: null, onReset: null, pinCbs: [] });
    this.hooks = new Map(); this.asked = [];
    this.image = new Uint8Array(1 << 24).fill(0xff);
    const data = fs.readFileSync(uf2);
    for (let o = 0; o + 512 <= data.length; o += 512)
      this.image.set(data.subarray(o + 32, o + 32 + data.readUInt32LE(o + 16)), data.readUInt32LE(o + 12) - 0x10000000);
    this.boot();
  }
  get now() { return Math.round(this.base + this.mcu.clock.nanos / UNIT_NS); }
  boot(wd = null) {
    if (this.mcu) this.base = this.now;
    const mcu = this.mcu = new RP2350({ coreArch: 'arm' });
    mcu.logger = new ConsoleLogger(LogLevel.Error, false);
    mcu.flash.set(this.image);
    for (const uart of mcu.uart) mendUart(uart, mcu);
    mcu.watchdog.onWatchdogTrigger = () => { this.resetPending = true; };
    mcu.watchdog.timer.frequency = 1e6;                       // not two a microsecond, as on the RP2040
    if (wd) { mcu.watchdog.reason = wd.reason; mcu.watchdog.scratchData.set(wd.scratch); }
    mcu.reset();
    this.sim = { clock: mcu.clock };
    this.resetPending = this.connected = false;
    this.cdc = new USBCDC(mcu.usbCtrl);
    this.cdc.onSerialData = (bytes) => this.onData?.(Buffer.from(bytes));
    this.cdc.onDeviceConnected = () => { this.connected = true; };
    mcu.gpio.forEach((pin, number) => pin.addListener((v) => {
      for (const [watched, cb] of this.pinCbs) if (watched === number) cb(v, this.now);
      if (v <= 1) pin.setInputValue(v === 1); else if (v === 3) pin.setInputValue(true); else if (v === 4) pin.setInputValue(false);
    }));
    this.lookup = mcu.readUint16(ROM_LOOKUP) & ~1;
    for (const part of [mcu.peripherals[PLL], mcu.peripherals[CLOCKS]]) {
      const write = part.writeUint32.bind(part);
      part.writeUint32 = (offset, value) => { write(offset, value); this.retune(); };
    }
    for (const { machines } of mcu.pio) for (const machine of machines) {
      const read = machine.readUint32.bind(machine);          // ADDR: of what comes next, also right after a jump from outside
      machine.readUint32 = (offset) => (offset === ADDR ? (machine.waiting ? machine.pc : machine.nextPC & 31) : read(offset));
    }
    this.retune();
  }
  retune() {                                                  // the system clock: the PLL where it is chosen, else the crystal
    const { peripherals, clock } = this.mcu, pll = peripherals[PLL].foutpostdiv;
    const hz = peripherals[CLOCKS].sysCtrl & 1 && pll > 1 && pll < Infinity ? pll : 12e6;
    if (hz === this.hz) return;
    this.hz = hz; this.cycleNs = 1e9 / hz;
    clock.tick(-clock.nanos % UNIT_NS + UNIT_NS);            // from here on whole units, if it is 125 MHz
  }
  reset() {
    const { watchdog, flash } = this.mcu, wd = { reason: watchdog.reason, scratch: Uint32Array.from(watchdog.scratchData) };
    this.image.set(flash); this.resets++; this.boot(wd); this.onReset?.();
  }
  watch(pin, cb) { this.pinCbs.push([pin, cb]); }
  drive(gpio, level) { this.mcu.gpio[gpio].setInputValue(!!level); }
  get dog() { return this.mcu.watchdog; }
  get pioOn() { return this.mcu.pio.some((pio) => !pio.stopped); }
  pass(cycles) {                                              // for everything but the cores
    const { cycleNs, mcu: { pio, clock } } = this;
    if (!this.pioOn) { clock.tick(cycles * cycleNs); return; }
    for (let left = cycles; left > 0;) {
      let n = left;
      if (n > 3) {
        if (clock.nextAlarm) n = Math.min(n, Math.ceil((clock.nextAlarm.nanos - clock.nanos) / cycleNs - 1e-6) - 1);
        for (const p of pio) for (const m of p.machines) if (m.enabled && n > 3) n = Math.min(n, quiet(m, p));
      }
      if (n > 3) {
        for (const p of pio) for (const m of p.machines) if (m.enabled) skip(m, p, n);
        clock.tick(n * cycleNs); left -= n;
      } else {
        for (const p of pio) p.step();
        clock.tick(cycleNs); left--;
      }
    }
  }
  busy(units) { this.pass(Math.round(units * UNIT_NS / this.cycleNs)); }   // the flash is: the CPU stands still
  idle(stop) {
    const { clock, core: [c0, c1] } = this.mcu;
    while (c0.waiting && c1.waiting && !c0.interruptsUpdated && !c1.interruptsUpdated && !this.resetPending) {
      const most = Math.floor((stop - this.now) * UNIT_NS / this.cycleNs);
      if (most <= 0) return;
      const ns = clock.nextAlarm ? Math.max(0, clock.nextAlarm.nanos - clock.nanos) : 1e6;
      const n = Math.min(most, this.pioOn ? 1250 : 1e9, Math.max(1, Math.ceil(ns / this.cycleNs - 1e-6)));
      c0.cycles += n; c1.cycles = c0.cycles;
      this.pass(n);
    }
  }
  romCall(core) {                                             // true: it was one of the flash's functions, and is done
    const r = core.regs, pc = r.pc;
    if (pc === this.lookup) this.asked.push([String.fromCharCode(r.r[0] & 0xff, r.r[0] >> 8 & 0xff), r.lr & ~1]);
    const units = this.hooks.get(pc)?.(r.r);
    if (units === undefined) return false;
    r.pc = r.lr & ~1;
    if (units) this.busy(units);
    return true;
  }
  romFound(name, at) {
    if (name === 'RE') this.hooks.set(at, ([from, bytes]) => { this.mcu.flash.fill(0xff, from, from + bytes); return bytes / 4096 * this.eraseMs * 125e3; });
    if (name === 'RP') this.hooks.set(at, ([to, from, bytes]) => {
      for (let i = 0; i < bytes; i++) this.mcu.flash[to + i] &= this.mcu.readUint8((from >>> 0) + i);
      return Math.ceil(bytes / 256) * this.programMs * 125e3;
    });
    if (['IF', 'EX', 'FC', 'CX'].includes(name)) this.hooks.set(at, () => 0);
  }
  // the SDK's gpio_put and its kin are MCRR of coprocessor 0, a pin's number and its level, which rp2350js 2.0.1 takes for no operation
  pinCall(first, second, r) {
    const kind = second >> 4 & 15;
    if (second >> 8 & 15 || kind > 7) return;
    const to = r[second >> 12], other = r[first & 15], pins = kind < 4 ? to : 1 << to;
    if (kind > 4 && !other) return;
    const how = kind === 4 ? (other ? SET : CLEAR) : [OUT_ALL, XOR, SET, CLEAR][kind & 3];
    this.mcu.sio.writeUint32(how + (second & 4 ? ENABLES : 0), pins, 0);
  }
  batch(n, maxUnits = Infinity) {
    const stop = this.now + maxUnits, { mcu } = this, [c0, c1] = mcu.core;
    for (let i = 0; i < n; i++) {
      if (this.resetPending) { this.reset(); return; }
      if (!(i & 63) && this.now >= stop) break;
      if (c0.waiting && !c0.interruptsUpdated) { this.idle(stop); if (this.now >= stop) break; }
      mcu.currentCore = 0;
      const pc = c0.PC;
      if (pc < ROM_BYTES) { if (this.romCall(c0)) continue; }
      else if (this.asked.length && pc === this.asked.at(-1)[1]) this.romFound(this.asked.pop()[0], c0.regs.r[0] & ~1);
      const code = pc < 0x20000000 ? mcu.flash16 : mcu.sram16, half = (pc & 0xffffff) >>> 1;
      if ((code[half] & 0xfff0) === MCRR) this.pinCall(code[half], code[half + 1], c0.regs.r);
      const cycles = c0.executeInstruction();
      this.instr++;
      mcu.currentCore = 1;
      if (c1.waiting && !c1.interruptsUpdated) c1.cycles = c0.cycles;
      else while (c1.cycles < c0.cycles) c1.executeInstruction();
      this.pass(cycles);
    }
    while (this.rx.length && this.cdc.txFIFO.itemCount < 512) this.cdc.sendSerialByte(this.rx.shift());
  }
  send(buf) { for (const b of Buffer.from(buf)) this.rx.push(b); }
}

// how many cycles a state machine goes on without touching a pin, a FIFO or a flag
function quiet(m, pio) {
  if (m.clockDiv !== 256 || m.curClockPhase || m.execValid) return 1;
  if (m.remainingDelay > 0) return m.remainingDelay;
  if (m.waiting) {
    if (m.waitType === PIN) return m.rp2040.gpio[m.waitIndex + pio.gpiobase].inputValue === m.waitPolarity ? 1 : Infinity;
    if (m.waitType === RX) return m.rxFIFO.full ? Infinity : 1;
    return [TX, OUT].includes(m.waitType) && m.txFIFO.empty ? Infinity : 1;
  }
  const pc = m.nextPC & 31, op = pio.instructions[pc], cond = op >> 5 & 7, to = op & 31;
  if (op >>> 13 || delayOf(m, op)) return 1;
  if (to === pc) return cond === 0 ? Infinity : cond === 2 ? m.x >>> 0 : cond === 4 ? m.y >>> 0 : 1;
  const back = pio.instructions[to];                          // A: jmp pin, B; B: jmp x--, A
  const loops = cond === 6 && m.rp2040.gpio[m.jmpPin].inputValue && back >>> 5 === 2 && (back & 31) === pc;
  return loops ? 2 * (m.x >>> 0) : 1;
}
const delayOf = (m, op) => op >> 8 & (1 << 5 - m.sidesetCount) - 1;
function skip(m, pio, n) {
  m.cycles += n;
  if (m.remainingDelay > 0) { m.remainingDelay -= n; return; }
  if (m.waiting) return;
  const pc = m.nextPC & 31, op = pio.instructions[pc], cond = op >> 5 & 7, to = op & 31;
  if (to === pc) {
    if (cond === 2) m.x = m.x - n >>> 0; else if (cond === 4) m.y = m.y - n >>> 0;
    m.pc = m.nextPC = pc;
    return;
  }
  m.x = m.x - (n >> 1) >>> 0;
  [m.pc, m.nextPC] = n & 1 ? [pc, to] : [to, pc];
}
