// RigChip: an emulated Pico, or Pico 2 if the UF2 is for its Arm cores, with files installed, inputs pulled up, and a recorder on the step pin.
// bootFirmware: one that runs the whole firmware, with sensors and a journal.
// Rules: the firmware's .mpy files come from a folder that Python prepared; edges are kept as cycles in one growing array.
// Callers: tests/emulator/*.mjs. Units: cycles of 8 ns.
import fs from 'node:fs';
import path from 'node:path';
import { Driver } from './driver.mjs';
import { attachSensors } from './sensors.mjs';

const RP2350_ARM = 0xe48bff59;                                // the family in a UF2's blocks
const { Chip } = await import(fs.readFileSync(process.argv[2]).readUInt32LE(28) === RP2350_ARM ? './pico2.mjs' : './chip.mjs');

export const STEP = 2, STOP = 10, BUTTONS = [10, 11, 12], COILS = [6, 7, 8, 9];

export class RigChip extends Chip {
  constructor(options) {
    super(options);
    this.edges = [];
    this.watch(STEP, (level, cycle) => { if (level === 1) this.edges.push(cycle); });
  }
  boot(wd = null) {
    super.boot(wd);
    for (const pin of BUTTONS) this.mcu.gpio[pin].setInputValue(true);
  }
  // Copy a folder's files into the Pico's filesystem, through the raw REPL.
  async install(folder) {
    await this.run(() => this.connected);
    const files = fs.readdirSync(folder, { recursive: true }).filter((f) => fs.statSync(path.join(folder, f)).isFile());
    const dirs = new Set(files.flatMap((f) => f.split(path.sep).slice(0, -1).map((_, i, parts) => parts.slice(0, i + 1).join('/'))));
    await this.py(`import os, binascii\nfor d in ${JSON.stringify([...dirs].sort())}:\n try: os.mkdir(d)\n except OSError: pass\n`);
    for (const file of files) {
      const text = fs.readFileSync(path.join(folder, file)).toString('base64');
      let script = `f = open(${JSON.stringify(file)}, 'wb')\n`;
      for (let i = 0; i < text.length; i += 2000) script += `f.write(binascii.a2b_base64('${text.slice(i, i + 2000)}'))\n`;
      await this.py(script + 'f.close()\n');
    }
  }
  async run(pred = () => false) {
    this.running = true;
    let k = 0;
    while (this.running && !pred()) {
      this.batch(20000, 125000);           // <= 1 ms of emulated time between host exchanges
      if ((++k & 7) === 0) await new Promise((r) => setImmediate(r));
    }
  }
  // raw REPL exec
  async exec(code, timeoutMs = 7200000) {
    let buf = Buffer.alloc(0); this.onData = (d) => { buf = Buffer.concat([buf, d]); };
    const t0 = Date.now();
    const wait = async (s) => {
      await this.run(() => buf.includes(s) || Date.now() - t0 > timeoutMs);
      const i = buf.indexOf(s); if (i < 0) throw new Error('timeout; got ' + buf.toString().slice(-300));
      const out = buf.subarray(0, i); buf = buf.subarray(i + s.length); return out;
    };
    this.send('\r\x03\x03\x01');
    await wait('raw REPL; CTRL-B to exit\r\n>');
    this.send(code); this.send('\x04');
    await wait('OK');
    const out = await wait('\x04'); const err = await wait('\x04');
    this.onData = null;
    return [out.toString(), err.toString()];
  }
  // Run Python on the Pico; its output. Throws with the traceback if it fails.
  async py(code, limitMs) {
    const [out, err] = await this.exec(code, limitMs);
    if (err) throw new Error(err);
    return out;
  }
}

export class SensedChip extends RigChip {
  boot(wd = null) { super.boot(wd); attachSensors(this); (this.driver ??= new Driver()).attach(this); }
}

// A Pico with a folder's firmware and an empty journal installed, powered on and 3 s old, or older if it greets later; readyMs: when it greeted. full: no block of the log is erased,
// so that each new one has to be, as in a rig that has run for weeks.
export async function bootFirmware({ uf2, bootrom, folder, full = false }) {
  const pico = new SensedChip({ uf2, bootrom, eraseMs: 1, programMs: 0.01 });
  await pico.install(folder);
  await pico.py(`
import os, struct
os.mkdir('journal')
for role, count in ((0, 32), (1, 8)):
    for index in range(count):
        with open('journal/%d-%02d' % (role, index), 'wb') as block:
            block.write(struct.pack('<8sBBHH', b'PUMPRIGJ', 1, role, index, count))
            block.write((b'\\0' if ${full ? 'not role' : 'False'} else b'\\xff') * 4082)
`);
  Object.assign(pico, { edges: [], eraseMs: 45, programMs: 0.4, resetPending: true });
  const start = pico.now;
  pico.readyMs = 0;
  let told = '';
  pico.onData = (data) => {
    told += data.toString('latin1');
    if (!pico.readyMs && told.includes(' ready,')) pico.readyMs = (pico.now - start) / 125e3;
  };
  while (pico.now - start < 125e6 * (pico.readyMs ? 3 : 10)) pico.batch(20000, 125000);
  return pico;
}
