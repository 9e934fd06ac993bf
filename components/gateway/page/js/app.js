// The page: which view is shown, and what the address says.

import { get } from "./api.js";
import { find, findAll } from "./dom.js";
import { Feedback } from "./feedback.js";
import { ItemDrawer } from "./item.js";
import { listenForKeys } from "./keyboard.js";
import { note, problem } from "./messages.js";
import { RecommendView } from "./recommend.js";
import { SearchView } from "./search.js";
import { addressOf, readState, writeState } from "./state.js";
import { Theme } from "./theme.js";

const REFRESH = 15_000;
const WAIT = 3000;

class App {
  models = [];
  loaded = false;
  state = readState();
  feedback = new Feedback();

  constructor() {
    this.go = this.go.bind(this);
    this.views = { search: new SearchView(this), recommend: new RecommendView(this) };
    this.drawer = new ItemDrawer(this);
    this.theme = new Theme(find("#theme"));
    listenForKeys({ focus: () => this.view.focus(), view: (name) => this.#switch(name), theme: () => this.theme.next() });
    this.#listen();
  }

  get view() {
    return this.views[this.state.view] ?? this.views.search;
  }

  // `typed` delays the question a little, `push` makes a step that the back button undoes.
  go(patch, { push = false, typed = false } = {}) {
    this.state = { ...this.state, ...patch };
    writeState(this.state, { push });
    this.show({ typed });
  }

  hrefOf(patch) {
    return addressOf({ ...this.state, ...patch });
  }

  open(item, { alike = false } = {}) {
    this.drawer.expect(item, { alike });
    if (!this.state.item) this.opener = document.activeElement;
    this.go({ item: item.id }, { push: true });
  }

  // The focus returns to where the drawer was opened from.
  back() {
    if (this.opener?.isConnected) this.opener.focus();
    this.opener = undefined;
  }

  show({ typed = false } = {}) {
    const none = this.models.length === 0;
    if (!none) this.state.view ||= this.#usualView();
    // Until the models are known the box is there already: what is typed meanwhile is asked then.
    const shown = none && this.loaded ? "" : this.state.view || "search";
    for (const [name, view] of Object.entries(this.views)) view.section.hidden = name !== shown;
    find("#nothing").hidden = shown !== "";
    for (const link of findAll("nav [data-view]")) {
      if (link.dataset.view === shown) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
      link.hidden = this.loaded && this.views[link.dataset.view].models.length === 0;
    }
    if (none) return;
    document.title = [this.state.q || (this.state.user && `User ${this.state.user}`), "Lodestar"].filter(Boolean).join(" – ");
    this.view.show(this.state, { typed });
    this.drawer.show(this.state, this.view.modelOf(this.state));
  }

  #usualView() {
    const named = this.models.find((model) => model.name === this.state.model);
    if (named) return named.query === "user" ? "recommend" : "search";
    return this.views.search.models.length ? "search" : "recommend";
  }

  async load() {
    try {
      const { models } = await get("v1/models");
      this.models = models;
      this.loaded = true;
      if (models.length === 0) this.#nothing(note("No model is served yet", "Train one with `lodestar run text-search`, then serve it with `lodestar serve`. This page shows it as soon as it is there."));
      setTimeout(() => this.load(), models.length ? REFRESH : WAIT);
      this.show();
    } catch (error) {
      // Models known so far stay usable while the gateway is away.
      if (this.models.length === 0) this.#nothing(problem(error, () => this.load()));
      else setTimeout(() => this.load(), REFRESH);
    }
  }

  #nothing(element) {
    this.loaded = true;
    this.show();
    find("#nothing").replaceChildren(element);
  }

  #switch(name) {
    if (this.views[name].models.length === 0) return;
    this.go({ view: name, model: "", version: "", categories: [], item: "" }, { push: true });
    this.view.focus();
  }

  #listen() {
    addEventListener("popstate", () => {
      this.state = readState();
      this.show();
    });
    for (const link of findAll("nav [data-view]")) {
      link.addEventListener("click", (event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return;
        event.preventDefault();
        this.#switch(link.dataset.view);
      });
    }
    addEventListener("dragover", (event) => event.preventDefault());
    addEventListener("drop", (event) => this.#take(event, event.dataTransfer));
    addEventListener("paste", (event) => this.#take(event, event.clipboardData));
  }

  #take(event, transfer) {
    const [file] = transfer?.files ?? [];
    if (file) event.preventDefault();
    if (file) this.views.search.take(file);
  }
}

const app = new App();
app.show();
// Not on touch screens, where it would open the keyboard, nor when somebody types already.
if (!matchMedia("(pointer: coarse)").matches && document.activeElement === document.body) app.view.focus();
await app.load();
