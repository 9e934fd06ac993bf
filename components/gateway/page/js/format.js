// How values become words.

export const count = (number, one, many = `${one}s`) => `${number.toLocaleString()} ${number === 1 ? one : many}`;

export const milliseconds = (value) => (value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString());

export const score = (value) => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(4));

export function day(iso) {
  const time = iso ? new Date(iso) : null;
  if (!time || Number.isNaN(time.getTime())) return "";
  return time.toLocaleDateString(undefined, { year: "numeric", month: "short", day: "numeric" });
}

const isLong = (value) => typeof value === "string" && value.length > 80;
const isList = (value) => Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === "string");

// Catalogues differ: long strings are text, lists of strings are categories, the rest are facts.
export function partsOf(metadata) {
  const entries = Object.entries(metadata ?? {}).filter(([, value]) => value !== null && value !== "");
  const lists = entries.filter(([, value]) => isList(value));
  const texts = entries.filter(([, value]) => isLong(value));
  const facts = entries.filter((entry) => !lists.includes(entry) && !texts.includes(entry));
  return {
    text: texts.map(([, value]) => value).join("\n\n"),
    categories: (lists.find(([name]) => /categor|genre/i.test(name)) ?? lists[0])?.[1] ?? [],
    facts: facts.map(([name, value]) => [name.replaceAll("_", " "), show(value)]).filter(([, value]) => value),
  };
}

function show(value) {
  if (Array.isArray(value)) return value.map(show).join(", ");
  return typeof value === "object" ? "" : String(value);
}

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

// A word of the question stands for its other endings too; short ones only for themselves.
function stem(term) {
  const ending = ["ing", "ies", "ed", "es", "s"].find((one) => term.endsWith(one) && term.length - one.length >= 4);
  const rest = ending ? term.slice(0, -ending.length) : term;
  return rest.length < 4 ? escaped(term) : `${escaped(rest)}[\\p{L}\\p{N}]*`;
}

function pattern(terms) {
  const words = terms.map((term) => stem(term.toLowerCase()));
  return words.length ? new RegExp(`(?<![\\p{L}\\p{N}])(?:${words.join("|")})(?![\\p{L}\\p{N}])`, "giu") : null;
}

// Splits text into [piece, is a match] pairs.
export function matches(text, terms) {
  const wanted = pattern(terms);
  if (!wanted) return [[text, false]];
  const pieces = [];
  let end = 0;
  for (const found of text.matchAll(wanted)) {
    if (found.index > end) pieces.push([text.slice(end, found.index), false]);
    pieces.push([found[0], true]);
    end = found.index + found[0].length;
  }
  if (end < text.length) pieces.push([text.slice(end), false]);
  return pieces;
}

// The part of a text where the first term is, or its beginning.
export function snippet(text, terms, length = 260) {
  if (text.length <= length) return text;
  const first = pattern(terms)?.exec(text)?.index ?? 0;
  const sentence = Math.max(text.lastIndexOf(". ", first) + 2, 0);
  const from = first < length / 2 ? 0 : first - sentence < length / 2 ? sentence : text.indexOf(" ", first - 60) + 1;
  const part = text.slice(from, from + length);
  const whole = from + length < text.length ? `${part.slice(0, part.lastIndexOf(" "))}…` : part;
  return from > 0 ? `…${whole}` : whole;
}
