// Calibrations, the clock, a program that waits, the key.
import { act, get, rigPath } from "./api.js";
import { confirmed } from "./doses.js";
import { el, when } from "./format.js";
import { say } from "./say.js";

export class CareTab {
  constructor(place, keyForm, rig) {
    Object.assign(this, { place, rig, id: "care" });
    this.list = el("div");
    place.append(el("h2", {}, "Calibrations"), el("p", {}, "Made on this computer. To make one: ", el("code", {}, "pumprig calibrate run"), "."), this.list);
    this.button("clock", "Clock", "Sets the rig's clock to this computer's. The program's times of day are the rig's.", "Set the clock", "Set the rig's clock to this computer's time?");
    this.button("withdraw", "Waiting program", "Gives up a program that waits for its time; the active one goes on.", "Withdraw it", "Give up the program that waits?");
    keyForm.addEventListener("submit", async (event) => {
      event.preventDefault();
      const input = keyForm.querySelector("input");
      const told = await act(this.rig(), "key", { key: input.value });
      input.value = "";
      say(told.ok ? told.text : told);
    });
  }
  button(verb, title, text, word, question) {
    const button = el("button", { type: "submit" }, word);
    const form = el("form", { class: "dose", id: `form-${verb}`, "aria-label": title }, el("h3", {}, title), el("p", {}, text), el("div", { class: "fields" }, button));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const key = this.rig();
      if (!(await confirmed(form, question, word))) return;
      const told = await act(key, verb);
      say(told.ok ? told.text : told);
    });
    this.place.append(form);
  }
  begin() { this.inForce = undefined; if (!this.place.hidden) this.opened(); }
  reading(view) { // another calibration is in force, by this page or by anybody else
    const id = view.status?.calibration_id;
    if (id === this.inForce) return;
    this.inForce = id;
    if (!this.place.hidden) this.opened();
  }
  async opened() {
    const key = this.rig();
    if (!key) return;
    const told = await get(rigPath(key, "calibrations"));
    if (key !== this.rig()) return;
    if (!told.ok) { say(told); return; }
    if (!told.rows.length) { this.list.replaceChildren(el("p", {}, "None yet. The rig delivers by the calibration that it has.")); return; }
    this.list.replaceChildren(...told.rows.map((row) => {
      const button = el("button", { class: "act", type: "submit", disabled: row.active }, row.active ? "in force" : "Apply");
      const form = el("form", { class: "dose", "aria-label": `Calibration ${row.id}` }, el("h3", {}, `${row.id}: ${row.value}`), el("p", {}, `${when(row.made_at)}, for ${row.range}`), ...row.warnings.map((text) => el("p", { class: "warn" }, text)), el("div", { class: "fields" }, button));
      form.addEventListener("submit", async (event) => {
        event.preventDefault();
        if (!(await confirmed(form, `Make ${row.value} the rig's calibration? A pump that runs stands for a moment.`, "Apply"))) return;
        const answer = await act(key, "calibration", { id: row.id });
        say(answer.ok ? answer.text : answer);
        this.opened();
      });
      return form;
    }));
  }
}
