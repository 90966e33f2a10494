// What every page gains by scripts. Without them all pages can be read, and all forms sent.

import {copyButtons} from "./copy.js";
import {countDown} from "./countdown.js";
import {ruleEditor} from "./editor.js";
import {leanForms} from "./lean.js";
import {livePage} from "./live.js";
import {orderRules} from "./rules.js";
import {followWork} from "./work.js";
import {tellZone} from "./zone.js";

document.documentElement.classList.add("scripted");
tellZone();
copyButtons();
countDown();
leanForms();
livePage();
orderRules();
ruleEditor();
followWork();

// What went wrong with a part of the page is told until something else is asked for.
document.addEventListener("htmx:before:request", () => document.querySelector("#refused")?.replaceChildren());

// "/" goes to the page's search field.
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input:not([type=checkbox], [type=radio]), textarea, select")) return;
  const search = document.querySelector("[data-search]");
  if (search) {
    event.preventDefault();
    search.focus();
    search.select();
  }
});

// A link of the demo brings its key behind the #, which no server ever sees.
const door = document.querySelector("[data-sign-in]");
if (door && location.hash.length > 1) {
  door.elements.key.value = decodeURIComponent(location.hash.slice(1));
  history.replaceState(null, "", location.pathname + location.search);
  door.requestSubmit();
}
