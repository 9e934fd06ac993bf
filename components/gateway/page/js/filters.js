// What narrows or reorders an answer: categories, variety, things already seen.

import { h, hidden, icon } from "./dom.js";

const offers = (model, signature) => model?.signatures?.includes(signature);

export const canFilter = (model) => offers(model, "retrieve");

export function filterParameters(state, model) {
  return {
    category: canFilter(model) ? state.categories : [],
    diversity: offers(model, "vectors") && state.diversity ? state.diversity : undefined,
  };
}

function category(name, remove) {
  return h("button", { type: "button", class: "chip on", onclick: () => remove(name) }, hidden("Remove the filter "), name, icon("close"));
}

function variety(state, go) {
  const slider = h("input", { type: "range", min: "0", max: "1", step: "0.1", value: String(state.diversity) });
  slider.addEventListener("input", () => go({ diversity: Number(slider.value) }));
  return h("label", { class: "choice" }, "Variety", slider);
}

function seen(state, go) {
  const box = h("input", { type: "checkbox", checked: state.seen });
  box.addEventListener("change", () => go({ seen: box.checked }));
  return h("label", { class: "check" }, box, "Show seen");
}

export function renderFilters(root, { state, model, go, withSeen = false }) {
  const chosen = canFilter(model) ? state.categories : [];
  const shown = JSON.stringify([model?.name, model?.signatures, chosen, state.seen]);
  if (root.dataset.shown === shown) return;
  root.dataset.shown = shown;
  const remove = (name) => go({ categories: state.categories.filter((one) => one !== name) }, { push: true });
  const parts = [
    ...chosen.map((name) => category(name, remove)),
    ...(withSeen ? [seen(state, go)] : []),
    ...(offers(model, "vectors") ? [variety(state, go)] : []),
  ];
  root.replaceChildren(...parts);
  root.hidden = parts.length === 0;
}

export function withCategory(state, name) {
  return state.categories.includes(name) ? state.categories : [...state.categories, name];
}
