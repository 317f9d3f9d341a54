// A TMC2209 at the end of its single wire on the emulated Pico's UART0: what is sent comes back, and an answer after it.
// Rules: registers, counter and CRC as its data sheet Rev. 1.03 has them; a byte takes its ten bits; it keeps its registers through
// resets of the Pico; `chatter` sends without an end, as a wire that lies open beside the motor's.
// Callers: rigchip.mjs, lockstep.mjs. Units: register values of 32 bits; ns.
const ADDRESS = 3, ANSWER_BITS = 8, BIT_NS = 1e9 / 115200;
const IFCNT = 0x02, IOIN = 0x06, GSTAT = 0x01, DRV_STATUS = 0x6f, VERSION = 0x21;
const READABLE = [0x00, GSTAT, IFCNT, IOIN, 0x41, 0x6c, DRV_STATUS];

function crc(bytes) {                                  // as the data sheet's example in C
  let sum = 0;
  for (let byte of bytes)
    for (let i = 0; i < 8; i++, byte >>= 1) sum = ((sum >> 7) ^ (byte & 1) ? (sum << 1) ^ 7 : sum << 1) & 0xff;
  return sum;
}

export class Driver {
  constructor() {
    this.registers = { 0x00: 0x141, [GSTAT]: 1, [IFCNT]: 0, [IOIN]: VERSION * 2 ** 24 + 0x4c, 0x10: 0x11f10, 0x6c: 0x10000053, [DRV_STATUS]: 0 };
    this.chatters = false;
  }
  attach(chip) {                                       // to the UART of a Pico that has just got its power
    this.uart = chip.mcu.uart[0]; this.clock = chip.sim.clock;
    this.heard = []; this.coming = []; this.free = 0;
    this.uart.onByte = (byte) => this.take(byte);
    this.alarm = this.clock.createAlarm(() => { this.uart.feedByte(this.coming.shift().byte); this.wait(); });
    if (this.chatters) this.say(0x55);
  }
  say(byte, pauseBits = 0) {
    this.free = Math.max(this.free, this.clock.nanos) + (10 + pauseBits) * BIT_NS;
    this.coming.push({ byte, at: this.free });
    if (this.coming.length === 1) this.wait();
  }
  wait() {
    if (!this.coming.length && this.chatters) return this.say(0x55);
    if (this.coming.length) this.alarm.schedule(this.coming[0].at - this.clock.nanos);
  }
  chatter() { this.chatters = true; if (!this.coming.length) this.say(0x55); }
  take(byte) {
    this.say(byte);
    this.heard.push(byte);
    if (this.heard[0] !== 0x05) { this.heard = []; return; }
    if (this.heard.length < 3 || this.heard.length < (this.heard[2] & 0x80 ? 8 : 4)) return;
    const data = this.heard, register = data[2] & 0x7f;
    this.heard = [];
    if (data[1] !== ADDRESS || crc(data.slice(0, -1)) !== data.at(-1)) return;
    if (data.length === 8) {
      const value = data.slice(3, 7).reduce((sum, each) => sum * 256 + each, 0);
      this.registers[IFCNT] = (this.registers[IFCNT] + 1) & 0xff;
      this.registers[register] = register === GSTAT ? this.registers[GSTAT] & ~value : value;
      return;
    }
    const value = READABLE.includes(register) ? this.registers[register] ?? 0 : 0;
    const answer = [0x05, 0xff, register, value >>> 24, value >>> 16 & 0xff, value >>> 8 & 0xff, value & 0xff];
    [...answer, crc(answer)].forEach((each, place) => this.say(each, place ? 0 : ANSWER_BITS));
  }
}
