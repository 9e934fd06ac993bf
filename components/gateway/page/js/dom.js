// Elements are made, never parsed from text: what a model or a catalogue says cannot become markup.

export const find = (selector, root = document) => root.querySelector(selector);
export const findAll = (selector, root = document) => [...root.querySelectorAll(selector)];

const SVG = "http://www.w3.org/2000/svg";

export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name in element && !name.includes("-") && typeof value !== "string") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

export const hidden = (text) => h("span", { class: "sr" }, text);

let pending;

// Said to screen readers once the page has come to rest: typing would otherwise speak at every key.
export function announce(text) {
  clearTimeout(pending);
  pending = setTimeout(() => {
    find("#live").textContent = text;
  }, 600);
}

let shown;

export function toast(text, action) {
  const box = find("#toast");
  clearTimeout(shown);
  box.replaceChildren(h("span", {}, text), ...(action ? [action] : []));
  box.hidden = false;
  shown = setTimeout(() => {
    box.hidden = true;
  }, action ? 8000 : 3000);
}
