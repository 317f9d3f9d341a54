// What became of something: it stays until it is put away or something newer is said.
import { el } from "./format.js";
const place = document.getElementById("said");

export function say(told) {
  const bad = typeof told !== "string";
  const text = bad ? [told.error, told.not_done, told.next_step].filter(Boolean).join(" ") : told;
  const note = el("div", { class: bad ? "note bad" : "note", role: bad ? "alert" : null }, el("p", {}, text));
  note.append(el("button", { class: "act", type: "button", "aria-label": "Put the message away", onclick: () => note.remove() }, "×"));
  place.replaceChildren(note);
}
