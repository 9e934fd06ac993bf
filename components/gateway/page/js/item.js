// One item: what is known of it, and what is like it.

import { get, itemPath } from "./api.js";
import { describe } from "./choices.js";
import { find, h, hidden, icon } from "./dom.js";
import * as format from "./format.js";
import { Latest } from "./latest.js";
import { problem } from "./messages.js";
import { ResultList, skeleton } from "./results.js";
import { versionParameters } from "./state.js";

const LIMIT = 12;
const LONG = 600;

export class ItemDrawer {
  #known = new Map();

  constructor(context) {
    this.context = context;
    this.dialog = find("#item");
    this.body = h("div", { class: "about" });
    this.similar = h("div", { class: "list" });
    this.list = new ResultList(this.similar, {
      hrefOf: (id) => context.hrefOf({ item: id }),
      voteOf: (id) => context.feedback.voteOf(this.model?.name, this.state?.user ?? "", id),
      onVote: (result, liked) => context.feedback.vote(this.model, this.#event(result), liked),
      onOpen: (result) => {
        context.feedback.send({ ...this.#event(result), model: this.model.name, type: "click" });
        context.open(result);
      },
    });
    this.about = new Latest({
      work: ({ id, model }, signal) => get(itemPath("items", id), { model: model.name }, signal),
      done: (item) => this.#about(item),
      failed: (error, { id }) => this.#about(this.#known.get(id) ?? { id, title: id, metadata: {} }, error),
    });
    this.alike = new Latest({
      work: ({ id, model, version }, signal) =>
        get(itemPath("similar", id), { model: model.name, limit: LIMIT, ...versionParameters(version) }, signal),
      done: (answer, question, took) => this.#alike(answer, took),
      failed: (error, question) => this.list.replace(problem(error, () => this.alike.ask(question))),
    });
    this.#listen();
  }

  // Shown at once when a list already named it; the rest follows.
  expect(item, { alike = false } = {}) {
    this.toAlike = alike;
    this.#known.set(item.id, item);
  }

  show(state, model) {
    this.state = state;
    if (!state.item || !model) {
      this.id = "";
      if (this.dialog.open) this.dialog.close();
      return;
    }
    if (this.id === state.item && this.model?.name === model.name) return;
    this.id = state.item;
    this.model = model;
    this.#frame();
    this.#about(this.#known.get(this.id) ?? { id: this.id, title: "…", metadata: {} });
    const question = { id: this.id, model, version: state.version };
    this.about.ask(question);
    this.#ask(question);
    if (!this.dialog.open) this.dialog.showModal();
    this.dialog.scrollTop = 0;
    find(this.toAlike ? ".part" : "h2", this.dialog).focus();
    this.toAlike = false;
  }

  #ask(question) {
    const offered = question.model.signatures.includes("similar");
    find(".alike", this.dialog).hidden = !offered;
    if (!offered) return;
    this.list.replace(skeleton(3));
    this.alike.ask(question);
  }

  #listen() {
    // Escape and the button close the dialog; the address follows.
    this.dialog.addEventListener("close", () => {
      this.about.cancel();
      this.alike.cancel();
      if (this.state?.item) this.context.go({ item: "" }, { push: true });
      this.context.back();
    });
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close();
    });
  }

  #event(result) {
    return { item: result.id, rank: result.rank, user: this.state?.user || undefined };
  }

  #frame() {
    const close = h("button", { type: "button", class: "quiet", onclick: () => this.dialog.close() }, icon("close"), hidden("Close"));
    const alike = h("section", { class: "alike" }, h("h3", { class: "part", tabindex: "-1" }, "Similar", h("span", { class: "summary" })), this.similar);
    this.dialog.setAttribute("aria-labelledby", "item-title");
    this.dialog.replaceChildren(h("div", { class: "inside" }, h("header", {}, h("h2", { id: "item-title", tabindex: "-1" }), close), this.body, alike));
  }

  #about({ id, title, metadata }, error) {
    const { text, categories, facts } = format.partsOf(metadata);
    find("h2", this.dialog).textContent = title || id;
    const rows = [["id", id], ...facts].map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)));
    this.body.replaceChildren(
      ...(categories.length ? [h("p", { class: "chips" }, categories.map((name) => h("span", { class: "chip" }, name)))] : []),
      ...(text ? this.#text(text) : []),
      h("dl", { class: "facts" }, rows),
      ...(error && error.status !== 404 ? [h("p", { class: "wrong" }, error.message)] : []),
    );
  }

  // A long text is folded, so that what is similar stays in sight.
  #text(text) {
    const body = h("p", { class: "text" }, text);
    if (text.length < LONG) return [body];
    body.classList.add("long");
    const unfold = h("button", { type: "button", class: "unfold", "aria-expanded": "false" }, "Read all");
    unfold.addEventListener("click", () => {
      const folded = body.classList.toggle("long");
      unfold.setAttribute("aria-expanded", String(!folded));
      unfold.textContent = folded ? "Read all" : "Read less";
    });
    return [body, unfold];
  }

  #alike(answer, took) {
    find(".alike .summary", this.dialog).textContent = `${describe(answer, this.model)} · ${format.milliseconds(took)} ms`;
    if (answer.results.length) this.list.show(answer.results);
    else this.list.replace(h("p", { class: "muted" }, "Nothing similar is known."));
  }
}
