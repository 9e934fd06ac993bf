// A text box that suggests: the pattern that screen readers know as an editable combobox.

import { h } from "./dom.js";
import { Latest } from "./latest.js";

const DEBOUNCE = 50;

export class Combobox {
  #active = -1;

  constructor(input, list, { suggest, onPick, onDown }) {
    Object.assign(this, { input, list, onPick, onDown });
    this.latest = new Latest({
      work: (prefix, signal) => suggest(prefix, signal),
      done: (options, prefix) => this.#show(options, prefix),
      failed: () => this.close(),
    });
    input.addEventListener("input", () => this.latest.ask(input.value.trim(), DEBOUNCE));
    input.addEventListener("click", () => this.open());
    input.addEventListener("blur", () => this.close());
    input.addEventListener("keydown", (event) => this.#key(event));
    input.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#pick(this.#active >= 0 ? list.children[this.#active].dataset.value : input.value.trim());
    });
    // The box would lose the focus, and with it the list, before the click arrives.
    list.addEventListener("mousedown", (event) => event.preventDefault());
    list.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) this.#pick(option.dataset.value);
    });
  }

  set value(text) {
    if (document.activeElement !== this.input || !this.isOpen) this.input.value = text;
    this.chosen = text;
  }

  get isOpen() {
    return !this.list.hidden;
  }

  // Opened by hand it shows everybody, not only those who begin like the one already chosen.
  open() {
    if (!this.isOpen) this.latest.ask(this.input.value.trim() === this.chosen ? "" : this.input.value.trim());
  }

  close() {
    this.latest.cancel();
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.#activate(-1);
  }

  #pick(value) {
    this.close();
    if (!value) return;
    this.input.value = value;
    this.onPick(value);
  }

  #show(options, prefix) {
    if (document.activeElement !== this.input) return;
    const row = ({ value, detail }, index) =>
      h(
        "li",
        { role: "option", id: `${this.list.id}-${index}`, "aria-selected": "false", data: { value } },
        h("span", {}, h("b", {}, value.slice(0, prefix.length)), value.slice(prefix.length)),
        h("span", { class: "muted" }, detail),
      );
    this.list.replaceChildren(...options.map(row));
    this.list.hidden = options.length === 0;
    this.input.setAttribute("aria-expanded", String(this.isOpen));
    this.#activate(-1);
  }

  #activate(index) {
    this.#active = index;
    [...this.list.children].forEach((option, at) => option.setAttribute("aria-selected", String(at === index)));
    const option = this.list.children[index];
    if (option) {
      this.input.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else this.input.removeAttribute("aria-activedescendant");
  }

  #key(event) {
    const many = this.list.children.length;
    if (event.key === "Escape") {
      if (!this.isOpen) return;
      this.close();
      this.input.value = this.chosen ?? "";
    } else if (event.key === "ArrowDown" && !this.isOpen && this.input.value && this.input.value === this.chosen) this.onDown();
    else if (event.key === "ArrowDown" && !this.isOpen) this.open();
    else if (event.key === "ArrowDown") this.#activate((this.#active + 1) % many);
    else if (event.key === "ArrowUp" && this.isOpen) this.#activate(this.#active <= 0 ? many - 1 : this.#active - 1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
