// What a user liked, and what they may like next.

import { get } from "./api.js";
import { renderChoices } from "./choices.js";
import { Combobox } from "./combobox.js";
import { find, h } from "./dom.js";
import { canFilter, filterParameters, renderFilters, withCategory } from "./filters.js";
import * as format from "./format.js";
import { Latest } from "./latest.js";
import { note, problem } from "./messages.js";
import { Ranked } from "./ranked.js";
import { versionParameters } from "./state.js";

const LIMIT = 20;
const SUGGESTED = 8;
const PATH = "v1/users";

export class RecommendView {
  #asked = "";

  constructor(context) {
    this.context = context;
    this.section = find("#recommend");
    this.history = find("#history");
    this.ranked = new Ranked(this.section, find("#recommend-results"), {
      context,
      eventOf: () => ({ user: this.state?.user || undefined }),
      onLeave: () => this.focus(),
      onCategory: null,
    });
    this.users = new Combobox(find("#user"), find("#user-list"), {
      suggest: (prefix, signal) => this.#suggest(prefix, signal),
      onPick: (user) => context.go({ user, item: "" }, { push: true }),
      onDown: () => this.ranked.list.focus(0),
    });
    this.past = new Latest({
      work: ({ user, model, cursor }, signal) => get(`${PATH}/${encodeURIComponent(user)}/history`, { model, cursor, limit: LIMIT }, signal),
      done: (answer, question) => this.#history(answer, question),
      failed: (error, question) => this.history.replaceChildren(problem(error, () => this.past.ask(question))),
    });
  }

  get models() {
    return this.context.models.filter((model) => model.query === "user");
  }

  modelOf(state) {
    return this.models.find((model) => model.name === state.model) ?? this.models[0];
  }

  focus() {
    find("#user").select();
  }

  show(state) {
    this.state = state;
    this.model = this.modelOf(state);
    this.users.value = state.user;
    this.section.classList.toggle("empty", !state.user);
    this.ranked.list.onCategory = canFilter(this.model)
      ? (name) => this.context.go({ categories: withCategory(this.state, name) }, { push: true })
      : null;
    renderFilters(find(".filters", this.section), { state, model: this.model, go: this.context.go, withSeen: true });
    renderChoices(find(".choices", this.section), {
      models: this.models,
      model: this.model,
      version: state.version,
      onModel: (model) => this.context.go({ model, version: "", categories: [] }, { push: true }),
      onVersion: (version) => this.context.go({ version }, { push: true }),
    });
    this.#ask();
  }

  async #suggest(prefix, signal) {
    const { users } = await get(PATH, { model: this.model?.name, prefix, limit: SUGGESTED }, signal);
    return users.map(({ id, events }) => ({ value: id, detail: format.count(events, "event") }));
  }

  #ask() {
    const { state, model } = this;
    if (!model) return;
    const parameters = {
      model: model.name,
      limit: LIMIT,
      reasons: true,
      exclude_seen: !state.seen,
      ...versionParameters(state.version),
      ...filterParameters(state, model),
    };
    const asked = JSON.stringify([parameters, state.user]);
    if (asked === this.#asked) return;
    const sameUser = this.asked?.user === state.user && this.asked?.model === model.name;
    this.#asked = asked;
    this.asked = { user: state.user, model: model.name };
    if (!state.user) {
      this.#invite(model);
      return;
    }
    const path = `v1/recommend/${encodeURIComponent(state.user)}`;
    const fetch = (signal) => get(path, parameters, signal);
    // A change of variety comes in a burst from the slider.
    this.ranked.ask({ model, fetch, more: { path, parameters }, empty: "Nothing is left to recommend with these filters." }, sameUser ? 80 : 0);
    if (!sameUser) {
      this.history.replaceChildren();
      this.past.ask(this.asked);
    }
  }

  async #invite(model) {
    this.past.cancel();
    this.history.replaceChildren();
    this.ranked.rest(note("Pick a user", "See what they liked, and what they may like next."));
    const { users } = await get(PATH, { model: model.name, limit: 6 }).catch(() => ({ users: [] }));
    if (this.state.user || users.length === 0) return;
    const chip = ({ id }) => h("button", { type: "button", class: "chip", onclick: () => this.context.go({ user: id }, { push: true }) }, `User ${id}`);
    this.ranked.list.replace(
      note("Pick a user", "See what they liked, and what they may like next.", h("p", { class: "chips" }, users.map(chip))),
    );
  }

  #history({ events, next_cursor: cursor }, question) {
    const rows = events.map((event) => this.#event(event));
    let list = find("ol", this.history);
    if (!question.cursor || !list) {
      list = h("ol", { class: "history" });
      this.history.replaceChildren(list);
    }
    find(".more", this.history)?.remove();
    list.append(...rows);
    if (question.cursor) rows[0]?.querySelector("a").focus();
    if (list.children.length === 0) this.history.replaceChildren(h("p", { class: "muted" }, "Nothing is known of this user yet."));
    if (cursor) {
      const more = () => this.past.ask({ ...question, cursor });
      this.history.append(h("button", { type: "button", class: "more", onclick: more }, "Show more"));
    }
  }

  #event({ item, title, value, type, time }) {
    const open = (event) => {
      event.preventDefault();
      this.context.open({ id: item, title, metadata: {} });
    };
    const rated = value !== null && value !== undefined;
    return h(
      "li",
      {},
      h("span", { class: "worth" }, rated && h("span", { class: "sr" }, `${type} `), rated ? String(Number(value.toFixed(1))) : "·"),
      h("a", { href: this.context.hrefOf({ item }), onclick: open }, title || item),
      h("p", { class: "when" }, !rated && `${type} `, time && h("time", { datetime: time }, format.day(time))),
    );
  }
}
