// How things stand, in one word and, where something is wrong, one sentence. The worst that is known is shown.

import { byId, say } from "./dom.js";

const WORDS = {
  live: "Live",
  polling: "Polling",
  connecting: "Connecting",
  stale: "Stale",
  empty: "No data yet",
  refused: "Refused",
  locked: "Key needed",
  lost: "Connection lost",
};

export class Status {
  constructor(retry) {
    this.shown = "";
    byId("retry").addEventListener("click", retry);
  }

  /** `state` is one of the words above; `sentence` stands in the banner, `again` offers to try now. */
  show(state, sentence = "", again = false) {
    const pill = byId("state");
    pill.dataset.state = state;
    document.body.dataset.state = state;
    say(pill, WORDS[state]);
    const banner = byId("banner");
    banner.dataset.state = state;
    banner.hidden = !sentence;
    say(byId("banner-text"), sentence);
    byId("retry").hidden = !again;
  }
}
