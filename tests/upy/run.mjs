// Runs Python on the 32-bit WebAssembly build of MicroPython, with folders copied into its memory filesystem.
// usage: node run.mjs CODE FOLDER...    the .py and .mpy files of each FOLDER and its packages go to the root.
// Parts of CODE that are separated by a line `# ---` run one by one: garbage is collected only between them.
import { loadMicroPython } from "@micropython/micropython-webassembly-pyscript/micropython.mjs";
import { readFileSync, readdirSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";

const [code, ...folders] = process.argv.slice(2);
const vm = await loadMicroPython({
  heapsize: 1024 * 1024,
  stdout: (data) => writeSync(1, data),
  linebuffer: false,
});

function copy(from, to) {
  for (const name of readdirSync(from)) {
    const path = join(from, name);
    if (statSync(path).isDirectory()) {
      if (name === "__pycache__") continue;
      vm.FS.mkdir(`${to}/${name}`);
      copy(path, `${to}/${name}`);
    } else if (name.endsWith(".py") || name.endsWith(".mpy")) {
      vm.FS.writeFile(`${to}/${name}`, readFileSync(path));
    }
  }
}

vm.FS.mkdir("/app");
for (const folder of folders) copy(folder, "/app");
vm.runPython("import sys, gc\nsys.path.insert(0, '/app')");
for (const part of code.split("\n# ---\n")) {
  vm.runPython("gc.collect()");
  vm.runPython(part);
}
