// Runs before the page is drawn, so that it does not flash in the other theme. The theme is
// the only thing that the console keeps in the browser.
"use strict";
(() => {
  let theme = null;
  try {
    theme = localStorage.getItem("theme");
  } catch {
    // The browser keeps nothing for pages; then the system's theme holds.
  }
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
})();
