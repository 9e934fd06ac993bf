// A ranked list: one row per result, one row at a time in the tab order (arrow keys move between rows).

import { findAll, h, hidden, icon } from "./dom.js";
import * as format from "./format.js";

const controlsOf = (row) => findAll("a, button", row);

export class ResultList {
  constructor(root, { hrefOf, onOpen, onVote, voteOf, onSimilar = null, onCategory = null, onLeave = () => {} }) {
    this.root = root;
    Object.assign(this, { hrefOf, onOpen, onVote, voteOf, onSimilar, onCategory, onLeave });
    this.list = h("ol", { class: "results" });
    this.list.addEventListener("keydown", (event) => this.#key(event));
    this.list.addEventListener("focusin", (event) => this.#activate(event.target.closest(".result")));
    this.results = [];
    this.offersSimilar = false;
  }

  get rows() {
    return [...this.list.children];
  }

  show(results) {
    this.results = [];
    this.list.replaceChildren();
    this.append(results);
    this.root.replaceChildren(this.list);
    this.#activate(this.rows[0]);
  }

  append(results) {
    const at = this.rows.length;
    this.results.push(...results);
    this.list.append(...results.map((result) => this.#row(result)));
    for (const row of this.rows.slice(at)) for (const control of controlsOf(row)) control.tabIndex = -1;
  }

  // What stands below the list, e.g. the button for more.
  below(...elements) {
    this.root.replaceChildren(this.list, ...elements);
  }

  replace(...elements) {
    this.results = [];
    this.list.replaceChildren();
    this.root.replaceChildren(...elements);
  }

  focus(index) {
    const row = this.rows[Math.min(Math.max(index, 0), this.rows.length - 1)];
    row?.querySelector(".title").focus();
    row?.scrollIntoView({ block: "nearest" });
  }

  #activate(row) {
    if (!row || row === this.active) return;
    if (this.active) for (const control of controlsOf(this.active)) control.tabIndex = -1;
    for (const control of controlsOf(row)) control.tabIndex = 0;
    this.active = row;
  }

  #row(result) {
    const { text, categories, facts } = format.partsOf(result.metadata);
    const terms = result.reason?.kind === "matches" ? result.reason.terms ?? [] : [];
    const part = text && format.snippet(text, terms);
    const said = `${result.title} ${part}`;
    const body = h(
      "div",
      { class: "body" },
      h("h3", {}, this.#title(result, terms)),
      text && h("p", { class: "snippet" }, marked(part, terms)),
      categories.length > 0 && this.#categories(categories),
      h("p", { class: "meta" }, this.#reason(result.reason, said), ...this.#facts(result, facts)),
    );
    const row = h("li", { class: "result" }, h("span", { class: "rank" }, String(result.rank)), body, this.#actions(result));
    row.dataset.id = result.id;
    return row;
  }

  #title(result, terms) {
    return h(
      "a",
      {
        class: "title",
        href: this.hrefOf(result.id),
        onclick: (event) => {
          if (event.metaKey || event.ctrlKey || event.shiftKey) return;
          event.preventDefault();
          this.onOpen(result);
        },
      },
      marked(result.title || result.id, terms),
    );
  }

  #categories(categories) {
    const chip = (category) =>
      this.onCategory
        ? h("button", { type: "button", class: "chip", onclick: () => this.onCategory(category) }, hidden("Only "), category)
        : h("span", { class: "chip" }, category);
    return h("p", { class: "chips" }, categories.map(chip));
  }

  // Words that are marked in what is shown need not be named again.
  #reason(reason, said) {
    if (!reason) return null;
    if (reason.kind === "popular") return h("span", { class: "reason" }, "Popular with everybody");
    if (reason.kind === "matches") {
      const terms = (reason.terms ?? []).filter((term) => !format.matches(said, [term]).some(([, match]) => match));
      return terms.length > 0 && h("span", { class: "reason" }, `Also has ${terms.join(", ")}`);
    }
    if (reason.kind !== "similar_to" || !reason.item) return null;
    const title = reason.title || reason.item;
    const open = (event) => {
      event.preventDefault();
      this.onOpen({ id: reason.item, title, metadata: {} });
    };
    return h("span", { class: "reason" }, "Because of ", h("a", { href: this.hrefOf(reason.item), onclick: open }, title));
  }

  #facts(result, facts) {
    const shown = facts.slice(0, 2).map(([name, value]) => h("span", {}, `${name} ${value}`));
    return [...shown, h("span", { class: "score" }, `score ${format.score(result.score)}`)];
  }

  #actions(result) {
    const vote = (liked, name, label) =>
      h(
        "button",
        {
          type: "button",
          class: "quiet vote",
          data: { vote: liked ? "up" : "down" },
          "aria-pressed": String(this.voteOf(result.id) === liked),
          onclick: (event) => this.#vote(event.currentTarget, result, liked),
        },
        icon(name),
        hidden(`${label} ${result.title || result.id}`),
      );
    const similar = (name) =>
      h("button", { type: "button", class: "quiet similar", title: "Similar", onclick: () => this.onSimilar(result) }, icon("similar"), hidden(`Similar to ${name}`));
    return h("div", { class: "actions" }, this.offersSimilar && similar(result.title || result.id), vote(true, "up", "Like"), vote(false, "down", "Dislike"));
  }

  #vote(button, result, liked) {
    for (const one of findAll(".vote", button.parentElement)) {
      one.setAttribute("aria-pressed", String(one === button));
    }
    this.onVote(result, liked);
  }

  #key(event) {
    if (event.metaKey || event.ctrlKey || event.altKey) return;
    const row = event.target.closest(".result");
    const index = this.rows.indexOf(row);
    const moves = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: this.rows.length - 1 };
    if (event.key === "ArrowUp" && index === 0) this.onLeave();
    else if (event.key in moves) this.focus(moves[event.key]);
    else if (event.key === "s") row.querySelector(".similar")?.click();
    else if (event.key === "+") row.querySelector("[data-vote=up]").click();
    else if (event.key === "-") row.querySelector("[data-vote=down]").click();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

export const marked = (text, terms) =>
  format.matches(text, terms).map(([piece, match]) => (match ? h("mark", {}, piece) : piece));

export function skeleton(rows = 5) {
  const line = (name) => h("span", { class: `bone ${name}` });
  const row = () => h("div", { class: "result" }, line("short"), h("div", { class: "body" }, line("wide"), line("long"), line("middle")));
  return h("div", { class: "skeleton", "aria-hidden": "true" }, Array.from({ length: rows }, row));
}
