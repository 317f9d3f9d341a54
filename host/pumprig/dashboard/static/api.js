// Requests to the server. An answer is { ok, ... }; one that failed has error, not_done, next_step.
const NAME = "pumprig-token";
const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) {
  localStorage.setItem(NAME, given);
  history.replaceState(null, "", location.pathname); // it stands in no history and no bookmark
}
export const token = localStorage.getItem(NAME) ?? "";

async function ask(path, options) {
  try {
    const answer = await fetch(path, { ...options, headers: { authorization: `Bearer ${token}`, "content-type": "application/json" } });
    return { ok: answer.ok, status: answer.status, ...(await answer.json()) };
  } catch {
    return { ok: false, status: 0, error: "The page's server does not answer.", not_done: "It is not known whether this was done.", next_step: "The rig's own log tells." };
  }
}
export const get = (path) => ask(path, {});
export const post = (path, body = {}, more = {}) => ask(path, { method: "POST", body: JSON.stringify(body), ...more });
export const rigPath = (key, rest) => `/api/rigs/${encodeURIComponent(key)}/${rest}`;
export const act = (key, verb, body) => post(rigPath(key, `do/${verb}`), body);
