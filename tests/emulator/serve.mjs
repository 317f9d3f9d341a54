// node serve.mjs UF2 BOOTROM FOLDER [PORT]: an emulated Pico with the firmware of FOLDER installed and running (-: only MicroPython); its USB console
// on a TCP socket (0: a free one); prints `ready PORT`. Emulated time never runs more than 20 ms ahead of the wall clock.
// Callers: test_firmware.py, bench/firmware.py, a person. Units: ms.
import net from 'node:net';
import { SensedChip, bootFirmware } from './rigchip.mjs';

const [uf2, bootrom, folder, port = '0'] = process.argv.slice(2);
const pico = folder === '-' ? new SensedChip({ uf2, bootrom }) : await bootFirmware({ uf2, bootrom, folder });
if (folder === '-') await pico.run(() => pico.connected);

let client = null, wake = null;
pico.onData = (data) => { if (client) client.write(data); else if (process.env.PICO_CONSOLE) process.stderr.write(data); };
const soon = (ms) => new Promise((done) => setTimeout(done, ms));
const server = net.createServer(async (socket) => {
  socket.on('error', () => {});
  for (let tries = 0; client && tries < 100; tries++) await soon(10);   // that the one before has closed may not have been read yet
  if (client) { socket.end('another program has this port\r\n'); return; }
  client = socket; socket.setNoDelay(true);
  socket.on('data', (data) => { pico.send(data); wake?.(); });
  socket.on('close', () => { client = null; });
});
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));
const nap = (ms) => new Promise((done) => {
  const timer = setTimeout(() => { wake = null; done(); }, ms);
  wake = () => { clearTimeout(timer); wake = null; done(); };
});
server.listen(+port, '127.0.0.1', () => console.log('ready', server.address().port));
let base = performance.now() - pico.now / 125e3;
for (;;) {
  pico.batch(20000, 125000);
  const ahead = pico.now / 125e3 - (performance.now() - base);
  if (ahead > 20 && !pico.rx.length) await nap(ahead);
  else { if (ahead < -20) base -= ahead + 20; await new Promise((done) => setImmediate(done)); }
}
