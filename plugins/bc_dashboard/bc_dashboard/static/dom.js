// The few things that every part of the page does with elements.

export const byId = (id) => document.getElementById(id);

/** Sets text only where it changes, so that nothing is drawn anew for nothing. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A table row of so many cells. */
export function row(cells, className = "") {
  const made = document.createElement("tr");
  made.className = className;
  for (let each = 0; each < cells; each += 1) made.appendChild(document.createElement("td"));
  return made;
}

/** Puts a sentence in the place of a panel's content; an empty one brings the content back. */
export function instead(panel, sentence) {
  const note = panel.querySelector(".nothing");
  say(note, sentence);
  note.hidden = !sentence;
  panel.classList.toggle("without", Boolean(sentence));
}

/** Radio buttons in a fieldset, one of them chosen; `values` are [value, label]. */
export function choice(fieldset, name, values, chosen, changed) {
  const key = JSON.stringify(values);
  if (fieldset.dataset.values !== key) {
    fieldset.dataset.values = key;
    fieldset.querySelectorAll("label").forEach((each) => each.remove());
    for (const [value, text] of values) fieldset.append(option(name, value, text, changed));
  }
  for (const input of fieldset.querySelectorAll("input")) input.checked = input.value === String(chosen);
}

function option(name, value, text, changed) {
  const label = document.createElement("label");
  const input = document.createElement("input");
  Object.assign(input, { type: "radio", name, value: String(value) });
  input.addEventListener("change", () => input.checked && changed(input.value));
  const shown = document.createElement("span");
  shown.textContent = text;
  label.append(input, shown);
  return label;
}

/** Runs `draw` once before the next frame, however often it is asked for; also in a tab that nobody sees, later. */
export function drawing(draw) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      draw();
    });
  };
}
