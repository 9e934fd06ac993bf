// Only the newest question counts: an older one is aborted, and its answer dropped should it still arrive.

import { isAborted } from "./api.js";

export class Latest {
  #timer;
  #abort;
  #number = 0;

  constructor({ work, before = () => {}, done, failed }) {
    this.work = work;
    this.before = before;
    this.done = done;
    this.failed = failed;
  }

  ask(question, delay = 0) {
    this.cancel();
    if (delay) this.#timer = setTimeout(() => this.#run(question), delay);
    else this.#run(question);
  }

  cancel() {
    clearTimeout(this.#timer);
    this.#abort?.abort();
    this.#abort = undefined;
    this.#number += 1;
  }

  async #run(question) {
    const number = ++this.#number;
    const started = performance.now();
    this.#abort = new AbortController();
    this.before(question);
    try {
      const answer = await this.work(question, this.#abort.signal);
      if (number === this.#number) this.done(answer, question, performance.now() - started);
    } catch (error) {
      if (number === this.#number && !isAborted(error)) this.failed(error, question);
    }
  }
}
