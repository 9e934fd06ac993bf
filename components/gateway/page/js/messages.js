// What is shown instead of results: nothing asked yet, nothing found, or what went wrong and what to do.

import { h } from "./dom.js";

export function note(title, text, ...more) {
  return h("div", { class: "note" }, h("p", { class: "head" }, title), text && h("p", { class: "muted" }, text), ...more);
}

const CURES = {
  0: "Is `lodestar gateway` running? This page goes on when it is back.",
  401: "Reload the page to enter a key.",
  413: "Choose a smaller file.",
  503: "The model server may be starting or restarting.",
  504: "The model took too long.",
};

export function problem(error, retry, { again: repeated = false } = {}) {
  const known = error.status !== undefined;
  // Said aloud once, not at every attempt.
  const box = h("div", { class: "note wrong", role: repeated ? "group" : "alert" });
  const again = h("button", { type: "button", class: "solid", onclick: retry }, "Try again");
  box.append(
    h("p", { class: "head" }, known ? error.message : "Something on this page went wrong."),
    h("p", { class: "muted" }, CURES[error.status] ?? (known ? "" : String(error.message ?? error))),
    again,
  );
  if (error.retryAfter) countdown(box, again, error.retryAfter, retry);
  return box;
}

// A gateway that asks for patience gets it: the button counts down, then asks by itself.
function countdown(box, button, seconds, retry) {
  let left = Math.ceil(seconds);
  const say = () => {
    button.textContent = left > 0 ? `Trying again in ${left} s` : "Try again";
  };
  say();
  const timer = setInterval(() => {
    left -= 1;
    if (!box.isConnected) clearInterval(timer);
    else if (left > 0) say();
    else {
      clearInterval(timer);
      retry();
    }
  }, 1000);
}
