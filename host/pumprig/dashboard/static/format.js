// Figures as people read them; the rules are those of the command line.
const UNITS = [[1e6, "mL", 3], [1e3, "µL", 2], [1, "nL", 0]];
export function decimals(value, digits) { // never a minus before nothing
  const text = value.toFixed(digits);
  return Number(text) === 0 ? (0).toFixed(digits) : text;
}
const fitting = (nl) => UNITS.find(([size]) => Math.abs(nl) >= size) ?? UNITS[2];

export function volume(nl) {
  if (nl === null || nl === undefined) return "not known";
  const [size, unit, digits] = fitting(nl);
  return `${(nl / size).toFixed(digits)} ${unit}`;
}
function both(value, u) { // a figure and its uncertainty, both to the second digit of the uncertainty
  const digits = u > 0 ? Math.max(0, 1 - Math.floor(Math.log10(u))) : 2;
  return [value.toFixed(digits), u.toFixed(digits)];
}
export function volumeWithU(nl, u) {
  if (nl === null || nl === undefined) return "not known";
  if (u === null || u === undefined) return `${volume(nl)} (U not known)`;
  const [size, unit] = fitting(Math.max(Math.abs(nl), u));
  return `${both(nl / size, u / size).join(" ± ")} ${unit}`;
}
export function rate(perHour) {
  if (perHour === null || perHour === undefined) return "not known";
  return perHour >= 1e6 ? `${Number((perHour / 1e6).toPrecision(4))} mL/h` : `${Number((perHour / 1e3).toPrecision(4))} µL/h`;
}
export function rateWithU(perHour, ppm) {
  if (perHour === null || perHour === undefined || !ppm || perHour < 1) return rate(perHour);
  const [size, unit] = perHour >= 1e6 ? [1e6, "mL/h"] : [1e3, "µL/h"];
  return `${both(perHour / size, (perHour * ppm) / 1e6 / size).join(" ± ")} ${unit}`;
}
export function duration(ms) {
  let s = Math.max(0, Math.round(ms / 1000));
  const parts = [];
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]]) {
    if (s >= size) parts.push(`${Math.floor(s / size)} ${unit}`);
    s %= size;
  }
  return parts.slice(0, 2).join(" ") || "0 s";
}
export const age = (ms) => (ms < 1500 ? "now" : `${duration(ms)} ago`);
const two = (n) => String(n).padStart(2, "0");
export function clock(at) {
  const d = new Date(at);
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}
export function when(text) {
  if (!text) return "not known";
  const d = new Date(text);
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${two(d.getHours())}:${two(d.getMinutes())}`;
}
export function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}
