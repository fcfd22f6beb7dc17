// The dialog in which a key is entered. It is kept for the session of this tab, and goes out as a header only.

import { key } from "./api.js";
import { byId, say } from "./dom.js";

export class Ask {
  /** `changed` is called when there is another key, or none any more. */
  constructor(changed) {
    this.dialog = byId("ask");
    this.button = byId("key");
    this.button.addEventListener("click", () => this.open(""));
    byId("ask-forget").addEventListener("click", () => this.done(() => key.forget(), changed));
    this.dialog.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      const text = byId("ask-key").value.trim();
      if (text) this.done(() => key.set(text), changed);
    });
  }

  /** Shows the dialog, with what is wrong with the key that is there. */
  open(wrong) {
    this.button.hidden = false;
    say(byId("ask-wrong"), wrong);
    byId("ask-forget").hidden = !key.get();
    if (!this.dialog.open) this.dialog.showModal();
  }

  done(change, changed) {
    change();
    byId("ask-key").value = "";
    this.dialog.close();
    changed();
  }
}
