// The one stream of news of this browser, shared by all its tabs: a browser opens six connections to a server at most,
// and a tab that waited for a free one could not stop the pump.
import { listen } from "./source.js";

const ports = new Set();
const last = new Map(); // the newest message of each kind and rig, for a tab that comes later
let source = null;
let token = "";

function tell(message) {
  if (message.kind === "rigs") for (const key of last.keys()) if (key.startsWith("rig:") && !message.data.includes(key.slice(4))) last.delete(key);
  last.set(message.kind === "rig" ? `rig:${message.data.key}` : message.kind, message);
  if (message.kind === "down") last.delete("up");
  for (const port of ports) port.postMessage(message);
}

addEventListener("connect", (event) => {
  const port = event.ports[0];
  port.onmessage = ({ data }) => {
    if (data === "bye") { ports.delete(port); return; }
    ports.add(port);
    if (data.token !== token || source === null) {
      token = data.token;
      last.clear();
      source?.close();
      source = listen(token, tell);
    } else for (const message of last.values()) port.postMessage(message);
  };
});
