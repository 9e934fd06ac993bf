// A question, its ranked answer, the pages after it, and every state in between.

import { get, isAborted } from "./api.js";
import { describe } from "./choices.js";
import { announce, find, h, toast } from "./dom.js";
import * as format from "./format.js";
import { Latest } from "./latest.js";
import { note, problem } from "./messages.js";
import { ResultList, skeleton } from "./results.js";

// Faster answers than this need no sign that something is under way.
const PATIENCE = 150;

export class Ranked {
  #waiting;

  constructor(section, list, { context, eventOf, onLeave, onCategory }) {
    this.section = section;
    this.summary = find(".summary", section);
    this.context = context;
    this.eventOf = eventOf;
    this.list = new ResultList(list, {
      hrefOf: (id) => context.hrefOf({ item: id }),
      voteOf: (id) => context.feedback.voteOf(this.model?.name, eventOf().user ?? "", id),
      onVote: (result, liked) => context.feedback.vote(this.model, this.#event(result), liked),
      onOpen: (result) => this.#open(result),
      onSimilar: (result) => this.#open(result, { alike: true }),
      onLeave,
      onCategory,
    });
    this.latest = new Latest({
      work: (question, signal) => question.fetch(signal),
      before: () => this.#busy(true),
      done: (answer, question, took) => this.#show(answer, question, took),
      failed: (error, question) => this.#failed(error, question),
    });
  }

  // A question is {model, fetch(signal), more: {path, parameters} | null, empty: text}.
  ask(question, delay = 0) {
    this.model = question.model;
    this.wrong = "";
    this.list.offersSimilar = question.model.signatures.includes("similar");
    this.latest.ask(question, delay);
  }

  rest(...elements) {
    this.latest.cancel();
    this.#busy(false);
    this.wrong = "";
    this.answer = undefined;
    this.summary.replaceChildren();
    this.list.replace(...elements);
  }

  #event(result) {
    const { version, trace_id } = this.answer ?? {};
    return { ...this.eventOf(), item: result.id, rank: result.rank, version, trace_id };
  }

  #open(result, how) {
    // Items named in a reason were not ranked, so opening one says nothing about the ranking.
    if (result.rank) this.context.feedback.send({ ...this.#event(result), model: this.model.name, type: "click" });
    this.context.open(result, how);
  }

  #busy(on) {
    clearTimeout(this.#waiting);
    this.section.setAttribute("aria-busy", String(on));
    if (!on) {
      delete this.section.dataset.slow;
      return;
    }
    this.#waiting = setTimeout(() => {
      this.section.dataset.slow = "";
      if (this.list.results.length === 0 && !this.wrong) this.list.replace(skeleton());
    }, PATIENCE);
  }

  #show(answer, question, took) {
    this.#busy(false);
    this.wrong = "";
    this.answer = answer;
    this.summary.replaceChildren(...this.#timing(answer, took));
    for (const warning of answer.warnings ?? []) toast(warning);
    if (answer.results.length === 0) {
      this.list.replace(note("Nothing found", question.empty));
      announce("Nothing found.");
      return;
    }
    this.list.show(answer.results);
    this.#more(answer.next_cursor, question);
    announce(`${format.count(answer.results.length, "result")}, ${describe(answer, this.model)}.`);
  }

  #timing(answer, took) {
    const model = answer.timing_ms?.model;
    const parts = `${format.milliseconds(took)} ms`;
    return [
      h("span", { class: "version" }, describe(answer, this.model)),
      h("span", { class: "time", "data-took": String(took) }, h("b", {}, parts), Number.isFinite(model) && ` · model ${format.milliseconds(model)} ms`),
    ];
  }

  #failed(error, question) {
    this.#busy(false);
    this.answer = undefined;
    this.summary.replaceChildren();
    this.list.replace(problem(error, () => this.latest.ask(question), { again: this.wrong === error.message }));
    this.wrong = error.message;
  }

  #more(cursor, question) {
    if (!cursor || !question.more) {
      this.list.below();
      return;
    }
    const button = h("button", { type: "button", class: "more" }, "Show more");
    button.addEventListener("click", () => this.#next(button, cursor, question));
    this.list.below(button);
  }

  async #next(button, cursor, question) {
    const { path, parameters } = question.more;
    const answer = this.answer;
    button.disabled = true;
    try {
      const next = await get(path, { ...parameters, cursor });
      // Another question can have been asked meanwhile.
      if (answer !== this.answer) return;
      const first = this.list.rows.length;
      this.list.append(next.results);
      this.#more(next.next_cursor, question);
      this.list.focus(first);
      announce(`${format.count(next.results.length, "more result")}.`);
    } catch (error) {
      if (!isAborted(error)) this.list.below(problem(error, () => this.#next(button, cursor, question)));
    }
  }
}
