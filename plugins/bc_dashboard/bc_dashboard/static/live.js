// One view, followed: loaded over REST, then kept up to date over a WebSocket. While there is no WebSocket it is asked
// for again and again, and tried again: a page behind a gateway that lets none through is slower, and never wrong.

import { Refused, address, binary, key } from "./api.js";

const PATIENCE = 10_000; // for a connection to open
const LONGEST = 30_000; // between two tries
const GONE = 1005; // close codes below are the protocol's own; 4000 + an HTTP status is a refusal

const pause = (ms, signal) =>
  new Promise((done) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), done()), { once: true });
  });

/** The key goes where a browser lets a page say anything: among the protocols that it offers. */
function protocols() {
  const text = key.get();
  if (!text) return ["bcore"];
  return ["bcore", `bcore.key.${btoa(binary(text)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`];
}

/** An open socket whose messages wait in `frames` until somebody takes them. */
class Socket {
  constructor(url) {
    this.frames = [];
    this.take = null;
    this.socket = new WebSocket(url, protocols());
    this.closed = new Promise((done) => this.socket.addEventListener("close", (event) => done(event.code), { once: true }));
    this.socket.addEventListener("message", (event) => {
      this.frames.push(JSON.parse(event.data));
      this.take?.();
    });
  }

  /** Whether it opens. */
  async opens(signal) {
    signal.addEventListener("abort", () => this.socket.close(), { once: true });
    const late = setTimeout(() => this.socket.close(), PATIENCE);
    const opened = new Promise((done) => this.socket.addEventListener("open", () => done(true), { once: true }));
    const found = await Promise.race([opened, this.closed.then(() => false)]);
    clearTimeout(late);
    return found;
  }
}

/**
 * `load(signal)` reads everything that is shown and shows it; `apply(rows)` adds rows that came. `told(state, error)`
 * hears "live", "polling" or "failed". `every` is how often to ask without a WebSocket, in ms. `push` is false for what
 * has no rows that could be added, and is only asked for.
 */
export class Feed {
  constructor({ view, symbol, parameters = {}, load, apply, told, every = 2000, push = true }) {
    Object.assign(this, { view, symbol, parameters, load, apply, told, every, push });
    this.over = new AbortController();
    this.url = address(["live", view, symbol], { ...parameters, time: "us" });
    this.url.protocol = this.url.protocol.replace("http", "ws");
    this.run();
  }

  stop() {
    this.over.abort();
  }

  async run() {
    const { signal } = this.over;
    if (!this.push) await this.load(signal).then(() => this.say("live", signal), (error) => this.failed(error, signal));
    while (!this.push && !signal.aborted) await this.ask(LONGEST, signal);
    for (let tries = 0; !signal.aborted; tries += 1) {
      const lasted = await this.follow(signal).catch((error) => this.failed(error, signal));
      if (lasted) tries = 0;
      if (!signal.aborted) await this.ask(Math.min(500 * 2 ** tries, LONGEST), signal);
    }
  }

  /** Rows as they come, until the connection ends; whether there was one. */
  async follow(signal) {
    const socket = new Socket(this.url);
    if (!(await socket.opens(signal))) return false;
    try {
      await this.load(signal); // what comes meanwhile waits: nothing falls between the two
      this.say("live", signal);
      socket.take = () => this.drain(socket, signal);
      socket.take();
      const code = await socket.closed;
      return code > GONE || code === 1000;
    } finally {
      socket.take = null;
      socket.socket.close();
    }
  }

  drain(socket, signal) {
    if (signal.aborted) return;
    const rows = [];
    for (const frame of socket.frames.splice(0)) {
      if (frame.type === "rows") rows.push(...frame.data);
      else if (frame.type === "error") this.say("failed", signal, new Refused(frame.status, frame));
    }
    if (rows.length) this.apply(rows, true);
  }

  /** Over REST for a while. */
  async ask(ms, signal) {
    const until = performance.now() + ms;
    do {
      await pause(Math.min(this.every, Math.max(until - performance.now(), 0)), signal);
      if (signal.aborted) return;
      try {
        await this.load(signal);
        this.say(this.push ? "polling" : "live", signal);
      } catch (error) {
        this.failed(error, signal);
      }
    } while (performance.now() < until);
  }

  failed(error, signal) {
    this.say("failed", signal, error);
    return false;
  }

  say(state, signal, error) {
    if (!signal.aborted) this.told(state, error);
  }
}
