// The REST API of the server that sent this page. The key is kept in the tab's session and sent as a header only.

const STORED = "bcore.key";
const PATIENCE = 10_000;

/** The server answered, and refused. */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem?.detail ?? `the server answered ${status}`);
    this.status = status;
    this.problem = problem;
  }
}

/** Nobody answered. */
export class Unreachable extends Error {}

export const key = {
  get: () => sessionStorage.getItem(STORED),
  set: (value) => sessionStorage.setItem(STORED, value),
  forget: () => sessionStorage.removeItem(STORED),
};

/** Text as UTF-8, one character a byte: as headers and base64 want it. */
export const binary = (text) => String.fromCharCode(...new TextEncoder().encode(text));

/** The address of a path of the API, wherever the page is mounted. Symbols may hold anything. */
export function address(path, parameters = {}) {
  const parts = path.map((each) => encodeURIComponent(each)).join("/");
  const url = new URL(parts, document.baseURI);
  url.hash = "";
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== null) url.searchParams.set(name, value);
  }
  return url;
}

/** What the API answers as JSON. Throws `Refused`, `Unreachable`. */
export async function get(path, parameters = {}, { signal } = {}) {
  const headers = { Accept: "application/json" };
  if (key.get()) headers["X-API-Key"] = binary(key.get());
  const late = AbortSignal.timeout(PATIENCE);
  let reply, body;
  try {
    reply = await fetch(address(path, parameters), { headers, signal: signal ? AbortSignal.any([signal, late]) : late });
    body = await reply.json().catch((error) => {
      if (error instanceof SyntaxError) return null;
      throw error;
    });
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw new Unreachable("the server does not answer", { cause: error });
  }
  if (reply.ok) return body;
  if ([502, 504].includes(reply.status)) throw new Unreachable("the server behind the gateway does not answer");
  throw new Refused(reply.status, body);
}
