// Single keys, while nothing is being typed; they can be switched off for people who dictate.

import { find } from "./dom.js";
import { recall, remember } from "./storage.js";

const isTyping = (target) => target.closest("input:not([type=checkbox], [type=range]), select, textarea, [contenteditable]");

export function listenForKeys({ focus, view, theme }) {
  const help = find("#help");
  const box = find("#shortcuts");
  box.checked = recall("shortcuts") !== "off";
  box.addEventListener("change", () => remember("shortcuts", box.checked ? null : "off"));
  find("#help-open").addEventListener("click", () => help.showModal());
  help.addEventListener("click", (event) => {
    if (event.target === help) help.close();
  });
  const actions = {
    "/": focus,
    "?": () => help.showModal(),
    1: () => view("search"),
    2: () => view("recommend"),
    t: theme,
  };
  addEventListener("keydown", (event) => {
    if (event.metaKey || event.ctrlKey || event.altKey || !box.checked) return;
    if (isTyping(event.target) || find("dialog[open]")) return;
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
}
