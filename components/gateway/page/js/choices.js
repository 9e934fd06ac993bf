// Which model answers, and which of its versions.

import { h } from "./dom.js";

const LOADED = "AVAILABLE";

function option(value, text, chosen, disabled = false) {
  return h("option", { value, selected: value === chosen, disabled }, text);
}

function menu(name, label, chosen, options, onChange) {
  const select = h("select", { name, "aria-label": label, onchange: (event) => onChange(event.target.value) }, options);
  return h("label", { class: "choice" }, h("span", { "aria-hidden": "true" }, label), select);
}

function labels(model) {
  const named = [];
  if (model.stable !== null && model.stable !== undefined) named.push(["stable", `stable (${model.stable})`]);
  if (model.canary) named.push(["canary", `canary (${model.canary.version}, ${model.canary.percent} %)`]);
  return named;
}

function versionOptions(model, chosen) {
  const versions = [...model.versions].sort((a, b) => b.version - a.version);
  const numbers = versions.map(({ version, state }) => {
    const loaded = state === LOADED;
    return option(String(version), loaded ? `${version}` : `${version}, ${state.toLowerCase()}`, chosen, !loaded);
  });
  const known = ["", ...labels(model).map(([name]) => name), ...versions.map(({ version }) => String(version))];
  return [
    option("", model.canary ? "as deployed" : "live", chosen),
    ...labels(model).map(([name, text]) => option(name, text, chosen)),
    h("optgroup", { label: "Number" }, numbers),
    ...(known.includes(chosen) ? [] : [option(chosen, `${chosen}, not served`, chosen)]),
  ];
}

export function renderChoices(root, { models, model, version, onModel, onVersion }) {
  const state = JSON.stringify([models.map(({ name }) => name), model, version]);
  // Rebuilding an open menu would close it.
  if (root.dataset.shown === state) return;
  root.dataset.shown = state;
  const focused = document.activeElement?.closest("select")?.name;
  const choose = models.map(({ name }) => option(name, name, model?.name));
  root.replaceChildren(
    ...(models.length > 1 ? [menu("model", "Model", model?.name, choose, onModel)] : []),
    ...(model ? [menu("version", "Version", version, versionOptions(model, version), onVersion)] : []),
  );
  if (focused) root.querySelector(`select[name=${focused}]`)?.focus();
}

export function describe(answer, model) {
  const label = answer.label ?? labelOf(answer.version, model);
  return label ? `version ${answer.version}, ${label}` : `version ${answer.version}`;
}

function labelOf(version, model) {
  if (model?.canary?.version === version) return "canary";
  return model?.stable === version ? "stable" : "";
}
