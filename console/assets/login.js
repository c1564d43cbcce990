// The login: a client's secret, or a token that a client has signed.
import { h, fill } from "./dom.js";
import { call, isAbort } from "./api.js";
import { Session, setSession } from "./session.js";
import { Socket } from "./socket.js";
import { button, busy, field, input, notice, problemNotice, segments } from "./ui.js";

const notToken = "This is no token: a token is three parts of letters and digits with points between them, and begins with eyJ.";
const wrongSecret = "The client id or the secret is not right.";

/** The claims of a token, which are not checked here: the gateway does that. null if it is no token. @param {string} token */
function claimsOf(token) {
  try {
    const bytes = Uint8Array.from(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
    return Object(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return null;
  }
}

/** @param {string} clientId @param {string} secret */
async function withSecret(clientId, secret) {
  const who = new Session({ kind: "secret", clientId, secret, jailId: "" });
  const identity = await call("GET", "/whoami", { as: who });
  return new Session({ kind: "secret", clientId, secret, jailId: identity.jailId, root: identity.root, rights: identity.rights });
}

/** @param {string} clientId @param {string} token */
async function withToken(clientId, token) {
  const claims = claimsOf(token);
  const who = new Session({ kind: "token", clientId, token, jailId: claims.jailId ?? "", claims });
  const socket = await Socket.open(who);
  socket.close();
  return who;
}

/** Shows the login. @param {Element} root @param {Element} theme the button that changes it @param {string} [why] the session ended */
export function login(root, theme, why) {
  document.title = "Log in · Seagate";
  let kind = "secret";
  const client = input({ name: "username", autocomplete: "username", autofocus: true, required: true });
  const secret = input({ type: "password", name: "password", autocomplete: "current-password", required: true });
  const token = h("textarea", { class: "code", rows: 4, spellcheck: "false", autocomplete: "off", placeholder: "eyJ…" });
  const clientField = field("Client id", client);
  const secretField = field("Client secret", secret, { hint: ["In development, ", h("code", {}, "seagate dev"), " prints both. Otherwise ask whoever operates the gateway."] });
  const tokenField = field("Token", token, { hint: "A JWT that the client has signed. Its bearer can read and publish what the token allows, and nothing else." });
  tokenField.hidden = true;
  const wrong = h("div", {});
  const submit = button("Log in", { kind: "primary", type: "submit" });
  const enter = async () => {
    fill(wrong);
    clientField.setError(client.value ? "" : "Enter the id of a client.");
    secretField.setError(kind === "token" || secret.value ? "" : "Enter the secret of the client.");
    tokenField.setError(kind === "secret" || token.value.trim() ? "" : "Paste a token.");
    if (kind === "token" && token.value.trim()) tokenField.setError(claimsOf(token.value.trim()) ? "" : notToken);
    const invalid = form.querySelector("[aria-invalid=true]:not([hidden] *)");
    if (invalid) return invalid.focus();
    try {
      setSession(kind === "token" ? await withToken(client.value, token.value.trim()) : await withSecret(client.value, secret.value));
    } catch (error) {
      if (isAbort(error)) return;
      if (kind === "token" || error.code !== "invalid_credentials") return fill(wrong, problemNotice(error));
      fill(wrong, notice("danger", h("p", {}, wrongSecret), h("p", {}, "Ask whoever manages the clients of the jail if you do not know them.")));
    }
  };
  const form = h("form", { class: "stack", novalidate: true, on: { submit: (event) => (event.preventDefault(), busy(submit, enter)) } },
    clientField, secretField, tokenField, wrong, submit);
  fill(root, h("main", { class: "login" }, h("div", { class: "login-card" },
    h("div", { class: "login-brand" }, h("img", { src: "icon.svg", alt: "" }), h("div", {}, h("h1", {}, "Seagate"), h("p", { class: "muted" }, "Typed, versioned message streams"))),
    why && notice("warning", why),
    segments("Log in with", [["secret", "Client secret"], ["token", "Token"]], kind, (next) => {
      kind = next;
      secretField.hidden = kind === "token";
      tokenField.hidden = kind === "secret";
    }),
    form,
    h("div", { class: "login-foot" }, h("p", { class: "muted small" }, "Kept in this page only. A reload signs you out."), theme))));
  client.focus();
}
