// A classic script: it runs before the first paint, so that a chosen theme does not flash.
try {
  const theme = localStorage.getItem("lodestar.theme");
  if (theme) document.documentElement.dataset.theme = theme;
} catch {
  // Storage can be forbidden; the system's theme is used then.
}
