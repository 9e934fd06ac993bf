// Search by words, a picture or a sound.

import { get, postFile } from "./api.js";
import { renderChoices } from "./choices.js";
import { find, h, icon } from "./dom.js";
import { canFilter, filterParameters, renderFilters, withCategory } from "./filters.js";
import { note } from "./messages.js";
import { Ranked } from "./ranked.js";
import { versionParameters } from "./state.js";
import { Upload } from "./upload.js";

// A key is asked about at once; those that follow faster than this become one question.
const BURST = 50;
const SETTLED = 1500;
const LIMIT = 20;
const KINDS = [
  ["text", "text", "Words"],
  ["image", "image", "Picture"],
  ["audio", "sound", "Sound"],
];

export class SearchView {
  #asked = "";
  #pressed = -BURST;
  #settling;

  constructor(context) {
    this.context = context;
    this.section = find("#search");
    this.input = find("#query");
    this.kinds = find(".kinds", this.section);
    this.ranked = new Ranked(this.section, find("#search-results"), {
      context,
      eventOf: () => ({ query: this.input.value.trim() || undefined }),
      onLeave: () => this.focus(),
      onCategory: (name) => this.#narrow(name),
    });
    this.upload = new Upload(find("#upload"), { onFile: () => this.#update(), onClear: () => this.#update() });
    this.#listen();
  }

  get models() {
    return this.context.models.filter((model) => model.query !== "user");
  }

  modelOf(state) {
    return this.models.find((model) => model.name === state.model) ?? this.models[0];
  }

  focus() {
    if ((this.model?.query ?? "text") === "text") this.input.select();
    else find("button, input", this.upload.root)?.focus();
  }

  show(state, { typed = false } = {}) {
    this.state = state;
    this.model = this.modelOf(state);
    if (!typed && this.input.value.trim() !== state.q) this.input.value = state.q;
    this.#controls(state);
    this.#ask(typed ? this.#pause() : 0);
  }

  #pause() {
    const since = performance.now() - this.#pressed;
    this.#pressed += since;
    return since < BURST ? BURST : 0;
  }

  // A file dropped or pasted anywhere goes to the first model that takes its kind.
  take(file) {
    const kind = file.type.split("/")[0];
    const model = this.model?.query === kind ? this.model : this.models.find(({ query }) => query === kind);
    if (!model) return false;
    this.context.go({ view: "search", model: model.name, q: "", item: "" }, { push: true });
    this.upload.take(file);
    return true;
  }

  #listen() {
    this.input.addEventListener("input", (event) => {
      if (!event.isComposing) this.#typed();
    });
    this.input.addEventListener("compositionend", () => this.#typed());
    this.input.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" && this.ranked.list.rows.length) {
        event.preventDefault();
        this.ranked.list.focus(0);
      } else if (event.key === "Escape" && this.input.value) {
        event.preventDefault();
        this.input.value = "";
        this.#typed();
      }
    });
    find("form", this.section).addEventListener("submit", (event) => {
      event.preventDefault();
      this.#settle();
      this.context.go({ q: this.input.value.trim() }, { push: true });
    });
  }

  #typed() {
    this.context.go({ q: this.input.value.trim() }, { typed: true });
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.#settle(), SETTLED);
  }

  // A question that stands for a while was meant; those on the way to it were not.
  #settle() {
    clearTimeout(this.#settling);
    const query = this.input.value.trim();
    const { answer } = this.ranked;
    if (!query || query === this.settled || answer?.query?.q !== query) return;
    this.settled = query;
    const { version, trace_id } = answer;
    this.context.feedback.send({ model: this.model.name, type: "search", query, version, trace_id });
  }

  #narrow(name) {
    if (canFilter(this.model)) this.context.go({ categories: withCategory(this.state, name) }, { push: true });
  }

  #controls(state) {
    const kind = this.model?.query ?? "text";
    find(".field", this.section).hidden = kind !== "text";
    this.upload.show(kind === "text" ? null : kind);
    this.#kinds(kind);
    this.ranked.list.onCategory = canFilter(this.model) ? (name) => this.#narrow(name) : null;
    renderFilters(find(".filters", this.section), { state, model: this.model, go: this.context.go });
    renderChoices(find(".choices", this.section), {
      models: this.models.filter((model) => model.query === kind),
      model: this.model,
      version: state.version,
      onModel: (model) => this.context.go({ model, version: "", categories: [] }, { push: true }),
      onVersion: (version) => this.context.go({ version }, { push: true }),
    });
  }

  #kinds(kind) {
    const offered = KINDS.filter(([query]) => this.models.some((model) => model.query === query));
    this.kinds.hidden = offered.length < 2;
    const choose = (query) => {
      const model = this.models.find((one) => one.query === query);
      this.upload.clear({ quiet: true });
      this.context.go({ model: model.name, version: "", q: "", categories: [] }, { push: true });
      this.focus();
    };
    const button = ([query, name, text]) =>
      h("button", { type: "button", "aria-pressed": String(query === kind), onclick: () => choose(query) }, icon(name), text);
    if (this.kinds.dataset.shown === kind + offered.length) return;
    this.kinds.dataset.shown = kind + offered.length;
    this.kinds.replaceChildren(...offered.map(button));
  }

  #update() {
    this.#asked = "";
    this.#ask(0);
  }

  #ask(delay) {
    const { state, model } = this;
    if (!model) return;
    const file = model.query === "text" ? null : this.upload.file;
    const parameters = { model: model.name, limit: LIMIT, ...versionParameters(state.version), ...filterParameters(state, model) };
    const asked = JSON.stringify([parameters, state.q, file?.name, file?.blob.size]);
    if (asked === this.#asked) return;
    this.#asked = asked;
    if (model.query === "text" ? state.q : file) this.#put(model, state.q, file, parameters, delay);
    else if (model.query === "text") this.ranked.rest(note("Start typing", "Results appear with every key."));
    else this.ranked.rest();
  }

  #put(model, q, file, parameters, delay) {
    const words = { ...parameters, q };
    const fetch = file
      ? (signal) => postFile("v1/search", file.blob, file.name, parameters, signal)
      : (signal) => get("v1/search", words, signal);
    const more = file ? null : { path: "v1/search", parameters: words };
    this.ranked.ask({ model, fetch, more, empty: "Try other words, or fewer." }, delay);
  }
}
