// Server-sent events, begun anew whenever they end. Each message carries the moment at which it came.
export const now = () => performance.timeOrigin + performance.now();
const SILENT_MS = 6000; // the server gives a sign of life every two seconds
const AGAIN_MS = 700;

export function listen(token, tell) {
  let source = null, heard = now(), closed = false, timer = 0, down = false;
  const lost = () => {
    source?.close();
    source = null;
    if (!down) { down = true; tell({ kind: "down", at: now(), data: null }); }
    clearTimeout(timer);
    if (!closed) timer = setTimeout(open, AGAIN_MS);
  };
  const open = () => {
    heard = now();
    source = new EventSource(`/api/events?token=${encodeURIComponent(token)}`);
    source.onerror = lost;
    for (const kind of ["hello", "rigs", "rig", "beat"])
      source.addEventListener(kind, (event) => {
        heard = now();
        down = false;
        tell({ kind, at: heard, data: JSON.parse(event.data) });
      });
  };
  const watch = setInterval(() => { if (source && now() - heard > SILENT_MS) lost(); }, 1000);
  open();
  return { close() { closed = true; clearTimeout(timer); clearInterval(watch); source?.close(); } };
}
