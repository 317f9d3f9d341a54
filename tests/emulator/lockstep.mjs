// node lockstep.mjs UF2 BOOTROM FOLDER [full]: the firmware of FOLDER on an emulated Pico whose time passes only when asked for;
// full: its log has no erased block.
// One JSON request a line on stdin, one answer a line on stdout: {send: text}, {receive_ms: most} -> {line}, {run_ms: n},
// {drive: [gpio, level]}, {erase_ms: n}, {at_erase: text} sends it when the next erase begins, {edges: true} -> cycles since
// the last time, {ticks: true} -> [[begin, cycles awake, erases apart], ...] of those beyond 0.5 ms, {erases: true} ->
// [[begin, end], ...], {reset: true} switches it off and on, {resets: true} -> how often it began anew;
// {stack: true} -> bytes of the stack of 8 kB that were in use at most since the last time, interrupts included;
// {driver: true} -> the registers of the motor's driver, {chatter: true}: its wire does not keep quiet any more; every answer has `now`.
// Callers: lockstep.py. Units: ms of emulated time, cycles of 8 ns.
import readline from 'node:readline';
import { bootFirmware } from './rigchip.mjs';

const [uf2, bootrom, folder, log] = process.argv.slice(2);
const pico = await bootFirmware({ uf2, bootrom, folder, full: log === 'full' });
let heard = '', told = 0, erases = [], atErase = '';
pico.onData = (data) => { heard += data.toString('latin1'); };
const busy = pico.busy.bind(pico);
pico.busy = (cycles) => {
  const begin = pico.now, erase = cycles >= pico.eraseMs * 125e3;
  if (erase && atErase) { pico.send(atErase); atErase = ''; }
  busy(cycles);
  if (erase) { erases.push([begin, pico.now]); erased += pico.now - begin; }
};
let ticks = [], woke = pico.now, erased = 0;
const idle = pico.idle.bind(pico);
function endTick() {
  const awake = pico.now - woke - erased;
  if (awake > 62500) ticks.push([woke, awake]);
  woke = pico.now; erased = 0;
}
// a tick ends when it feeds the watchdog: after a collection the next one comes at once, without a sleep between them
function watchFeeding() {
  const { dog } = pico, write = dog.writeUint32.bind(dog);
  dog.writeUint32 = (offset, value) => { if (offset === 4) endTick(); write(offset, value); };
}
watchFeeding();
pico.onReset = watchFeeding;
pico.idle = (stop) => {
  endTick();
  idle(stop);
  woke = pico.now; erased = 0;
};
const run = (ms, done = () => false) => {
  const end = pico.now + Math.round(ms * 125e3);
  while (pico.now < end && !done()) pico.batch(20000, Math.min(125e3, end - pico.now));
};
const line = () => {
  const end = heard.indexOf('\n');
  if (end < 0) return null;
  const text = heard.slice(0, end).replace(/\r$/, '');
  heard = heard.slice(end + 1);
  return text;
};
// What was never written since the last look still has its paint.
const STACK_TOP = pico.mcu.sram.length, STACK_BOTTOM = STACK_TOP - 0x2000, PAINT = 0xa5;
function deepest() {
  const { sram } = pico.mcu, core = pico.mcu.core[0]?.regs ?? pico.mcu.core;
  let at = STACK_BOTTOM;
  while (at < STACK_TOP && sram[at] === PAINT) at++;
  sram.fill(PAINT, STACK_BOTTOM, Math.max(STACK_BOTTOM, (core.SP ?? core.sp) - 0x20000000));
  return STACK_TOP - at;
}
function answer(request) {
  if ('send' in request) pico.send(request.send);
  if ('drive' in request) pico.drive(...request.drive);
  if ('erase_ms' in request) pico.eraseMs = request.erase_ms;
  if ('at_erase' in request) atErase = request.at_erase;
  if ('run_ms' in request) run(request.run_ms);
  if ('receive_ms' in request) { run(request.receive_ms, () => heard.includes('\n')); return { line: line() }; }
  if ('edges' in request) { const edges = pico.edges.slice(told); told = pico.edges.length; return { edges }; }   // kept: the encoder counts them
  if ('ticks' in request) return { ticks: ticks.splice(0) };
  if ('reset' in request) pico.resetPending = true;
  if ('resets' in request) return { resets: pico.resets };
  if ('stack' in request) return { stack: deepest() };
  if ('chatter' in request) pico.driver.chatter();
  if ('driver' in request) return { driver: pico.driver.registers };
  if ('erases' in request) return { erases: erases.splice(0) };
  return {};
}
console.log(JSON.stringify({ now: pico.now, ready_ms: pico.readyMs }));
for await (const text of readline.createInterface({ input: process.stdin }))
  console.log(JSON.stringify({ ...answer(JSON.parse(text)), now: pico.now }));
process.exit(0);
