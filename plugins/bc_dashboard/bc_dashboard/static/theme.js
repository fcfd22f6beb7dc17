// Dark or light: the system's wish until somebody chooses. Charts are drawn on canvas and are told the colours.

const STORED = "bcore.theme";
const NAMES = ["text", "muted", "line", "panel", "up", "down", "accent"];
const system = matchMedia("(prefers-color-scheme: light)");

export function current() {
  return document.documentElement.dataset.theme ?? (system.matches ? "light" : "dark");
}

/** The colours of the theme as canvas takes them: what a colour comes to is only told of an element that has it. */
export function colours() {
  const probe = document.body.appendChild(document.createElement("i"));
  const found = {};
  for (const name of NAMES) {
    probe.style.color = `var(--${name})`;
    found[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return found;
}

/** A colour of ours with less of it: rgb(1, 2, 3) at 0.5 is rgba(1, 2, 3, 0.5). */
export function faded(colour, share) {
  return colour.replace(/^rgb\((.*)\)$/, `rgba($1, ${share})`);
}

/** Makes the button switch; `changed` is called after every change, also the system's. */
export function switching(button, changed) {
  const show = () => button.setAttribute("aria-label", `Switch to ${current() === "dark" ? "light" : "dark"}`);
  const told = () => {
    show();
    changed();
  };
  button.addEventListener("click", () => {
    const next = current() === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    localStorage.setItem(STORED, next);
    told();
  });
  system.addEventListener("change", told);
  show();
}
