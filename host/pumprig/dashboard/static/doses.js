// Doses by hand: what was typed is shown again before it is sent. Nothing here is ever in front of Stop.
import { act } from "./api.js";
import { el } from "./format.js";
import { say } from "./say.js";

export function field(id, label, example, type = "text") {
  return el("div", { class: "field" }, el("label", { for: id }, label), el("input", { id, type, placeholder: example, autocomplete: "off", spellcheck: "false" }));
}

const questions = new Set();
export const withdrawQuestions = () => { for (const end of questions) end(false); }; // another rig is shown: they were of the one before

// A question in the page, not over it: Stop stays in reach.
export function confirmed(form, question, word) {
  form.querySelector(".choice")?.remove();
  return new Promise((done) => {
    const end = (answer) => { questions.delete(end); box.remove(); done(answer); };
    questions.add(end);
    const yes = el("button", { type: "button", class: "yes", onclick: () => end(true) }, word);
    const box = el("div", { class: "choice", role: "group", "aria-label": "Are you sure?" }, el("p", {}, question), yes, el("button", { type: "button", onclick: () => end(false) }, "No"));
    box.addEventListener("keydown", (event) => event.key === "Escape" && end(false));
    form.append(box);
    yes.focus();
  });
}

const value = (id) => document.getElementById(id).value.trim();

export class Doses {
  constructor(place, rig) {
    Object.assign(this, { place, rig, id: "doses" });
    place.append(el("h2", { class: "hidden" }, "Doses"));
    const spread = el("input", { id: "bolus-spread", type: "checkbox" });
    this.form("bolus", "Bolus", "One bolus on top of the base rate.", [field("bolus-volume", "Volume", "5 ul"), field("bolus-over", "Over", "1 min"), el("div", { class: "field check" }, spread, el("label", { for: "bolus-spread" }, "spread: a demand bolus may interrupt it"))], "Give", () => ({ volume: value("bolus-volume"), over: value("bolus-over"), spread: spread.checked }), (body) => `Give ${body.volume || "?"} over ${body.over || "1 min"}${body.spread ? ", spread" : ""}?`);
    this.form("demand", "Demand bolus", "As the request button gives it, by the program's own rules.", [], "Ask for it", () => ({}), () => "Ask for a demand bolus?");
    this.form("dispense", "Single dose", "From a standing pump, which then stands again.", [field("dispense-volume", "Volume", "1 ml"), field("dispense-over", "Over, or", "10 min"), field("dispense-rate", "at a rate of", "5 ml/h")], "Deliver", () => ({ volume: value("dispense-volume"), over: value("dispense-over"), rate: value("dispense-rate") }), (body) => `Deliver ${body.volume || "?"} ${body.rate ? `at ${body.rate}` : `over ${body.over || "1 min"}`}?`);
    this.form("prime", "Prime", "Fills the line; only while the pump is stopped. Without a volume, the catheter's.", [field("prime-volume", "Volume", "the catheter's")], "Prime", () => ({ volume: value("prime-volume") }), (body) => `Prime ${body.volume || "the catheter's volume"}?`);
    this.form("refill", "Refill", "Tell the rig what its reservoir holds now, and what was found in it before.", [field("refill-volume", "Filled with", "18 ml"), field("refill-removed", "Found in it (may be left out)", "1.9 ml")], "Note it", () => ({ volume: value("refill-volume"), removed: value("refill-removed") }), (body) => `The reservoir holds ${body.volume || "?"} now?`);
    this.form("resume", "Resume", "Runs the loaded program again after a stop.", [], "Resume", () => ({}), () => "Run the program again?");
  }
  form(verb, title, text, fields, word, body, question) {
    const button = el("button", { type: "submit" }, word);
    const form = el("form", { class: "dose", id: `form-${verb}`, "aria-label": title }, el("h3", {}, title), el("p", {}, text), el("div", { class: "fields" }, ...fields, button));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const wanted = body();
      const key = this.rig();
      if (!(await confirmed(form, question(wanted), word))) { button.focus(); return; }
      button.disabled = true;
      const told = await act(key, verb, wanted);
      button.disabled = false;
      button.focus();
      say(told.ok ? told.text : told);
    });
    this.place.append(form);
  }
}
