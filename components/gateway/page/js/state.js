// What the page shows is its address: a reload, a bookmark and the back button all bring it back.

export function readState(text = location.search) {
  const query = new URLSearchParams(text);
  const of = (name) => query.get(name) ?? "";
  const diversity = Number(of("diversity"));
  return {
    view: ["search", "recommend"].includes(of("view")) ? of("view") : "",
    model: of("model"),
    q: of("q"),
    user: of("user"),
    version: of("version"),
    categories: query.getAll("category"),
    seen: of("seen") === "1",
    diversity: diversity >= 0 && diversity <= 1 ? diversity : 0,
    item: of("item"),
  };
}

export function addressOf(state) {
  const query = new URLSearchParams();
  for (const name of ["view", "model", "q", "user", "version"]) if (state[name]) query.set(name, state[name]);
  for (const category of state.categories) query.append("category", category);
  if (state.seen) query.set("seen", "1");
  if (state.diversity) query.set("diversity", String(state.diversity));
  if (state.item) query.set("item", state.item);
  const text = query.toString();
  return text ? `?${text}` : location.pathname;
}

export function writeState(state, { push = false } = {}) {
  const to = addressOf(state);
  if (to === location.search) return;
  history[push ? "pushState" : "replaceState"](null, "", to);
}

// A version in the address is a number or a label, e.g. `3` or `canary`.
export function versionParameters(version) {
  if (!version) return {};
  return /^\d+$/.test(version) ? { version } : { label: version };
}
