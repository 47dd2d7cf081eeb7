// The JSON API as the pages use it. Errors are thrown as ApiError with the server's own words.

export class ApiError extends Error {
  constructor(problem, status) {
    super(problem.detail || problem.title || `The server answered ${status}.`);
    this.status = status;
    this.problems = problem.problems || [];
    this.code = problem.code || "";
  }
}

export async function call(url, { method = "GET", json, headers = {} } = {}) {
  const options = { method, headers: { Accept: "application/json", ...headers } };
  if (json !== undefined) {
    options.body = JSON.stringify(json);
    options.headers["Content-Type"] = "application/json";
  }
  let reply;
  try {
    reply = await fetch(url, options);
  } catch {
    throw new ApiError({ detail: "No connection to the server. What you typed is kept; try again." }, 0);
  }
  const body = await readJson(reply);
  if (!reply.ok) throw new ApiError(body || {}, reply.status);
  return body;
}

async function readJson(reply) {
  try {
    return await reply.json();
  } catch {
    return null;
  }
}

export const EVENT_TYPES = [
  "submitted", "claimed", "progress", "checkpoint", "sample", "output", "note", "pause_requested", "cancel_requested",
  "request_withdrawn", "requeued", "readopted", "paused", "resumed", "succeeded", "failed", "cancelled",
];
export const ENDINGS = ["succeeded", "failed", "cancelled"];

// Follows a job's events. take(type, event) is called for each, in order; the browser reconnects by itself, and the
// server goes on after the last event it has seen. Returns a function that ends it.
export function follow(api, jobId, after, take, onState = () => {}) {
  const source = new EventSource(`${api}/jobs/${jobId}/events?after=${encodeURIComponent(after || "0")}`);
  const handle = (type) => (message) => {
    let event = {};
    try {
      event = JSON.parse(message.data);
    } catch {
      return; // a comment or an empty line
    }
    take(event.type || type, event);
    if (ENDINGS.includes(event.type || type)) source.close();
  };
  for (const type of EVENT_TYPES) source.addEventListener(type, handle(type));
  source.onmessage = handle("");
  source.onopen = () => onState(true);
  source.onerror = () => onState(source.readyState === EventSource.CLOSED ? null : false);
  return () => source.close();
}
