// As the system, light, or dark.

import { find } from "./dom.js";
import { recall, remember } from "./storage.js";

const ORDER = ["", "light", "dark"];
const NAMES = { "": "as the system", light: "light", dark: "dark" };
const ICONS = { "": "auto", light: "light", dark: "dark" };

export class Theme {
  constructor(button) {
    this.button = button;
    button.addEventListener("click", () => this.next());
    this.#apply(recall("theme") ?? "");
  }

  next() {
    this.#apply(ORDER[(ORDER.indexOf(this.name) + 1) % ORDER.length]);
    remember("theme", this.name || null);
  }

  #apply(name) {
    this.name = ORDER.includes(name) ? name : "";
    if (this.name) document.documentElement.dataset.theme = this.name;
    else delete document.documentElement.dataset.theme;
    find("use", this.button).setAttribute("href", `#i-${ICONS[this.name]}`);
    find(".sr", this.button).textContent = `Theme: ${NAMES[this.name]}`;
    this.button.title = `Theme: ${NAMES[this.name]}`;
  }
}
