// Returns what keeps people from using the page: names, contrast, sizes, headings, references, overflow.
() => {
  const problems = [];
  const shown = (element) => element.checkVisibility({ visibilityProperty: true }) && element.getClientRects().length > 0;
  const hidden = (element) => element.closest("[aria-hidden=true]") !== null;
  const describe = (element) => `<${element.tagName.toLowerCase()} ${element.id || element.className}> ${element.textContent.trim().slice(0, 30)}`;
  const modal = document.querySelector("dialog[open]");
  const all = [...(modal ?? document).querySelectorAll("*")].filter((element) => shown(element) && !hidden(element));

  const nameOf = (element) => {
    const by = (element.getAttribute("aria-labelledby") ?? "").split(" ").map((id) => document.getElementById(id)?.textContent ?? "").join(" ");
    const labels = [...(element.labels ?? [])].map((label) => label.textContent).join(" ");
    const own = element.matches("input, select") ? "" : element.textContent;
    return [by, element.getAttribute("aria-label"), labels, own, element.title].map((name) => (name ?? "").trim()).find(Boolean);
  };
  for (const element of all.filter((one) => one.matches("a, button, input, select, [role=option], canvas, dialog, section, nav, aside"))) {
    if (!nameOf(element)) problems.push(`no name: ${describe(element)}`);
  }

  for (const element of all.filter((one) => one.matches("button, select, input:not(.sr)"))) {
    const { width, height } = element.getBoundingClientRect();
    const label = element.closest("label")?.getBoundingClientRect();
    const side = Math.max(Math.min(width, height), label ? Math.min(label.width, label.height) : 0);
    if (side < 24) problems.push(`smaller than 24 pixels: ${describe(element)} ${width}x${height}`);
  }

  const ids = [...document.querySelectorAll("[id]")].map(({ id }) => id);
  for (const id of new Set(ids.filter((one, index) => ids.indexOf(one) !== index))) problems.push(`id used twice: ${id}`);
  for (const attribute of ["aria-controls", "aria-labelledby", "aria-describedby", "aria-activedescendant", "for"]) {
    for (const element of document.querySelectorAll(`[${attribute}]`)) {
      for (const id of element.getAttribute(attribute).split(" ")) if (!document.getElementById(id)) problems.push(`${attribute} names nothing: ${id}`);
    }
  }
  for (const element of document.querySelectorAll("[tabindex]")) if (element.tabIndex > 0) problems.push(`tab order forced: ${describe(element)}`);

  const levels = all.filter((one) => one.matches("h1, h2, h3, h4")).map((one) => Number(one.tagName[1]));
  levels.forEach((level, index) => {
    // The list of results of a search needs no heading of its own, so a step from h1 to h3 is one.
    if (index > 0 && level > levels[index - 1] + 2) problems.push(`heading of level ${level} after ${levels[index - 1]}`);
  });
  if (document.querySelectorAll("h1").length !== 1) problems.push("not exactly one h1");
  if (!document.documentElement.lang) problems.push("no language");
  if (!document.title) problems.push("no title");
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth > clientWidth) problems.push(`scrolls sideways: ${scrollWidth} > ${clientWidth}`);

  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const groundOf = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const ground = rgba(getComputedStyle(one).backgroundColor);
      if (ground[3] > 250) return ground;
    }
    return rgba(getComputedStyle(document.body).backgroundColor);
  };
  const luminance = ([red, green, blue]) => {
    const [r, g, b] = [red, green, blue].map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  for (const element of all) {
    const speaks = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    if (!speaks || element.closest(".sr") || element.matches("option, :disabled")) continue;
    const style = getComputedStyle(element);
    const [high, low] = [luminance(rgba(style.color)), luminance(groundOf(element))].sort((a, b) => b - a);
    const contrast = (high + 0.05) / (low + 0.05);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700);
    if (contrast < (large ? 3 : 4.5)) problems.push(`contrast ${contrast.toFixed(2)}: ${describe(element)}`);
  }
  return problems;
}
