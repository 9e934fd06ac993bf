// The gateway's API. Addresses are relative, so that the page also works below a path of an ingress.

import { find } from "./dom.js";
import { recallInTab, rememberInTab } from "./storage.js";

export class ApiError extends Error {
  constructor(status, { code = "unknown", message = "", field = null } = {}, retryAfter = 0) {
    super(message || `The gateway answered ${status}.`);
    this.status = status;
    this.code = code;
    this.field = field;
    this.retryAfter = retryAfter;
  }
}

export const isAborted = (error) => error?.name === "AbortError";

// Seconds until a gateway that is away is asked again.
const PATIENCE = 3;

function address(path, parameters) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters ?? {})) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null && one !== "") query.append(name, one);
    }
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

async function failure(response) {
  let body;
  try {
    body = await response.json();
  } catch {
    body = {};
  }
  return new ApiError(response.status, body.error ?? {}, Number(response.headers.get("Retry-After")) || 0);
}

let asking;

function askForKey(wrong) {
  asking ??= new Promise((resolve) => {
    const dialog = find("#key");
    find("#key-wrong").textContent = wrong ? "The gateway did not accept that key." : "";
    find("#key-value").value = "";
    dialog.addEventListener(
      "close",
      () => {
        asking = undefined;
        const given = dialog.returnValue === "use" ? find("#key-value").value : "";
        if (given) rememberInTab("key", given);
        resolve(Boolean(given));
      },
      { once: true },
    );
    dialog.returnValue = "";
    dialog.showModal();
  });
  return asking;
}

async function send(url, options) {
  const key = recallInTab("key");
  const headers = { Accept: "application/json", ...options.headers, ...(key ? { "X-API-Key": key } : {}) };
  let response;
  try {
    response = await fetch(url, { ...options, headers });
  } catch (error) {
    if (isAborted(error)) throw error;
    throw new ApiError(0, { code: "unreachable", message: "The gateway cannot be reached." }, PATIENCE);
  }
  if (response.status === 401 && (await askForKey(Boolean(key)))) return send(url, options);
  if (!response.ok) throw await failure(response);
  return response.json();
}

export const get = (path, parameters, signal) => send(address(path, parameters), { signal });

export function postFile(path, file, name, fields, signal) {
  const body = new FormData();
  for (const [field, value] of Object.entries(fields)) {
    for (const one of [value].flat()) if (one !== undefined && one !== null && one !== "") body.append(field, one);
  }
  body.append("file", file, name);
  return send(path, { method: "POST", body, signal });
}

export const postJson = (path, value) =>
  send(path, {
    method: "POST",
    body: JSON.stringify(value),
    headers: { "Content-Type": "application/json" },
    keepalive: true,
  });

export const itemPath = (kind, id) => `v1/${kind}/${encodeURIComponent(id)}`;
