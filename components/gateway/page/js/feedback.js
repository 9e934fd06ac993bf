// What people do with the results goes back to the gateway: the next training run reads it.

import { postJson } from "./api.js";
import { toast } from "./dom.js";

const PAUSE = 5000;
const MOST = 200;

function identity() {
  if (crypto.randomUUID) return crypto.randomUUID();
  // Only secure contexts have randomUUID; a gateway on the local network is none.
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Feedback {
  #waiting = [];
  #sending = false;
  #votes = new Map();
  #retry;

  constructor() {
    addEventListener("online", () => this.#flush());
    addEventListener("pagehide", () => this.#flush());
  }

  voteOf(model, user, item) {
    return this.#votes.get(`${model}\n${user}\n${item}`);
  }

  vote(model, event, liked) {
    this.#votes.set(`${model.name}\n${event.user ?? ""}\n${event.item}`, liked);
    const { low, high } = model.ratings ?? { low: 0, high: 1 };
    this.send({ ...event, model: model.name, type: "rating", value: liked ? high : low });
    toast(liked ? "Liked. The next training run reads it." : "Disliked. The next training run reads it.");
  }

  send(event) {
    // The identity makes a repetition harmless: the gateway counts it once.
    this.#waiting.push({ ...event, event_id: identity() });
    if (this.#waiting.length > MOST) this.#waiting.shift();
    this.#flush();
  }

  async #flush() {
    if (this.#sending || this.#waiting.length === 0) return;
    this.#sending = true;
    clearTimeout(this.#retry);
    const events = this.#waiting.splice(0, 50);
    try {
      await postJson("v1/feedback", { events });
      this.#sending = false;
      this.#flush();
    } catch (error) {
      this.#sending = false;
      if (error.status >= 400 && error.status < 429) {
        toast(`Feedback was refused: ${error.message}`);
        return;
      }
      this.#waiting.unshift(...events);
      this.#retry = setTimeout(() => this.#flush(), (error.retryAfter || 0) * 1000 || PAUSE);
    }
  }
}
