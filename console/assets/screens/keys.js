// The keys of a client, which verify the tokens that it signs; and what else holds for its tokens.
import { h } from "../dom.js";
import { call, clientPath, get } from "../api.js";
import { ago, amountOf, count, plural, time } from "../format.js";
import { afterwards, badge, button, dialog, empty, field, input, into, notice, segments, table, toast } from "../ui.js";

const keyName = (k) => k.kid ?? k.id;
/** Seconds that what is replaced may still be good, at most. */
const longestKeep = 2592000;

/** Shows the keys of a client, and offers to change them. reload draws the list of clients again. @param {any} c @param {() => any} reload */
export function keysOf(c, reload) {
  const body = h("div", { class: "stack" });
  dialog(`Keys of ${c.id}`, { body }).element.classList.add("dialog-wide");
  const load = () => into(body, async () => content(c, await get(clientPath(c.id, "keys")), changed), body.childElementCount > 0);
  const changed = async (text) => {
    toast(text);
    await afterwards(() => Promise.all([load(), reload()]));
  };
  return load();
}

function content(c, state, changed) {
  const ending = (k) => k.until !== undefined && k.until !== null;
  return [
    h("p", { class: "muted" }, "The client signs tokens with private keys. With the public halves here the gateway checks them."),
    state.jwks && fetched(state.jwks),
    state.keys.length === 0 ? empty("clients", "No keys", "Tokens of this client are refused.") : table(`Keys of ${c.id}`, [
      { heading: "Key", name: true, cell: (k) => [k.kid ? h("code", {}, k.kid) : "without a kid", !k.kid && h("div", { class: "muted small mono" }, k.id)] },
      { heading: "Until", cell: (k) => (ending(k) ? time(k.until) : h("span", { class: "muted" }, "no end")) },
      { heading: "State", cell: (k) => h("span", { class: "badges" }, k.proven ? badge("Proven", "good") : badge("Not proven"), k.needsJailId && badge("Only with jailId", "warning")) },
      { heading: "Actions", hidden: true, cell: (k) => h("div", { class: "row actions" }, button("End", { small: true, kind: "quiet danger", label: `End ${keyName(k)}`, click: () => endKey(c, k, state, changed) })) },
    ], state.keys),
    h("div", { class: "row" }, button("Add a key", { small: true, icon: "plus", click: () => addKey(c, state, changed) }), button("Replace all keys", { small: true, click: () => replaceKeys(c, state, changed) })),
    h("h3", {}, "What its tokens must be"),
    h("div", { class: "spread" }, rulesText(state.tokenRules), button("Change", { small: true, label: "Change what tokens must be", click: () => setRules(c, state.tokenRules ?? {}, changed) })),
    h("h3", {}, "Revoked tokens"),
    state.revokedTokens.length > 0 && table("Revoked tokens", [
      { heading: "Token (jti)", name: true, cell: (r) => h("code", {}, r.jti) },
      { heading: "Would have ended", cell: (r) => time(r.until) },
    ], state.revokedTokens),
    h("div", { class: "spread" }, h("p", { class: "muted" }, state.revokedTokens.length ? `${plural(state.revokedTokens.length, "token")} of this client ${state.revokedTokens.length === 1 ? "is" : "are"} refused.` : "None."),
      button("Revoke a token", { small: true, click: () => revoke(c, changed) })),
  ];
}

/** How it goes with the keys that the gateway fetches. */
const fetched = (jwks) => notice(jwks.failures ? "warning" : "info", h("p", {}, "The gateway fetches the keys from ", h("code", {}, jwks.url), "."),
  h("p", { class: "small" }, jwks.fetchedAt ? ["The last time was ", time(jwks.fetchedAt, ago), "."] : "It has not yet got any.", jwks.nextAt && [" The next time is ", time(jwks.nextAt), "."]),
  jwks.error && h("p", { class: "small" }, `It failed ${plural(jwks.failures, "time")}: ${jwks.error}`));

function rulesText(rules) {
  const of = rules ?? {};
  const all = [of.audience && ["The audience (aud) is ", h("code", {}, of.audience)], of.issuer && ["The issuer (iss) is ", h("code", {}, of.issuer)], of.maxLifetime && `They live at most ${count(of.maxLifetime)} s`].filter(Boolean);
  return all.length ? h("ul", {}, all.map((one) => h("li", {}, one))) : h("p", { class: "muted" }, "No rules of this client. Those of the gateway hold.");
}

const pemArea = (hint = "The public half of an RSA key.") => {
  const area = h("textarea", { class: "code", rows: 8, wrap: "off", spellcheck: "false", placeholder: "-----BEGIN PUBLIC KEY-----" });
  return { area, element: field("Public key", area, { kind: "PEM", hint }) };
};

/** A proof that somebody has the private half, which may be left out. */
function proofField() {
  const proof = h("textarea", { class: "code", rows: 3, spellcheck: "false", placeholder: "eyJ…" });
  return { element: field("Proof", proof, { hint: "Optional: a JWS that the private half has signed, so that no other client can have the key. “seagate clients key” makes one if its file has the private key." }), read: () => proof.value.trim() || undefined };
}

/** Says that a key that is added or ended by hand also ends the fetching of the set. @param {string} text */
const noMoreFetched = (text) => notice("warning", h("p", {}, text));

function addKey(c, state, changed) {
  const kid = input({ class: "code" }), key = pemArea(), proof = proofField();
  const kidField = field("Key id (kid)", kid, { hint: "The header of a token names it, so that the gateway takes this key." });
  const replaces = notice("warning", h("p", {}, "The client has a key of this id. It is replaced, and tokens of it are refused from then on."));
  const ready = () => {
    replaces.hidden = !state.keys.some((k) => k.kid === kid.value.trim());
    return kid.value.trim() !== "" && key.area.value.trim() !== "";
  };
  dialog("Add a key", {
    body: [h("p", { class: "muted" }, "The other keys stay."), state.jwks && noMoreFetched("The gateway then fetches the keys of this client no more. Keys that its JWK set gets later are not known here."), kidField, replaces, key.element, proof.element], action: "Add", ready,
    places: [[proof.element, /proof/i], [key.element, /invalid_key|key_taken/], [kidField, /kid/]],
    submit: async () => {
      await call("PUT", clientPath(c.id, "keys", kid.value.trim()), { body: { jwtPublicKey: key.area.value.trim(), proof: proof.read() } });
      await changed(`Added the key ${kid.value.trim()} of ${c.id}`);
    },
  });
}

/** How long something that is replaced is still good. @param {string} label @param {string} hint what 0 means */
export function keepField(label, hint) {
  const control = input({ class: "narrow", value: "0" });
  const element = field(label, control, { hint: `${hint} Seconds, or with a unit such as 90 min, 12 h or 7 d; at most 30 d.` });
  const seconds = () => amountOf(control.value, "seconds");
  const ready = () => seconds() <= longestKeep;
  control.addEventListener("input", () => element.setError(ready() ? "" : "Enter 0, or a time of at most 30 d, such as 12 h."));
  return { element, ready, query: () => ({ keepOld: seconds() || null }) };
}

function endKey(c, k, state, changed) {
  const keep = keepField("Keep it for", "0 ends it at once, with the connections of its tokens.");
  dialog("End the key", {
    body: [h("p", {}, "Tokens that are checked with ", h("strong", {}, keyName(k)), " are refused from then on."),
      state.jwks && noMoreFetched("The gateway then fetches the keys of this client no more. The others stay."), keep.element],
    action: "End", kind: "danger", ready: keep.ready,
    submit: async () => {
      await call("DELETE", clientPath(c.id, "keys", k.id), { query: keep.query() });
      await changed(`Ended ${keyName(k)} of ${c.id}`);
    },
  });
}

/** Makes one key, or those of a URL, the keys of a client. The others end, which is said before. */
function replaceKeys(c, state, changed) {
  let kind = "key";
  const key = pemArea("It gets no id: it is for tokens whose header names none."), proof = proofField(), keep = keepField("Keep the old keys for", "0 ends them at once, with the connections of their tokens.");
  const url = input({ class: "code", inputmode: "url", placeholder: "https://…/jwks.json" });
  const urlField = field("URL of a JWK set", url, { hint: "The operator has to allow its host (jwks.hosts)." });
  const pem = h("div", { class: "stack" }, key.element, proof.element);
  urlField.hidden = true;
  const old = state.keys.map(keyName).join(", ");
  const d = dialog("Replace all keys", {
    body: [
      segments("The new keys are", [["key", "One public key"], ["url", "Fetched from a URL"]], kind, (next) => {
        kind = next;
        [pem.hidden, urlField.hidden] = [kind !== "key", kind !== "url"];
        d.refresh();
      }),
      pem, urlField,
      state.keys.length > 0 && notice("warning", h("p", {}, `This ends ${state.keys.length === 1 ? "the key that the client has" : `the ${count(state.keys.length)} keys that the client has`}: ${old}.`)),
      state.keys.length > 0 && keep.element],
    action: "Replace", kind: "danger", ready: () => keep.ready() && (kind === "key" ? key.area : url).value.trim() !== "",
    places: [[urlField, /JWK set|url:/], [proof.element, /proof/i], [key.element, /invalid_key|key_taken/]],
    submit: async () => {
      const body = kind === "url" ? { url: url.value.trim() } : { keys: [{ jwtPublicKey: key.area.value.trim(), proof: proof.read() }] };
      await call("PUT", clientPath(c.id, "keys"), { query: keep.query(), body });
      await changed(`Replaced the keys of ${c.id}`);
    },
  });
}

function setRules(c, now, changed) {
  const audience = input({ class: "code", value: now.audience ?? "" }), issuer = input({ class: "code", value: now.issuer ?? "" });
  const life = input({ class: "narrow", inputmode: "numeric", value: now.maxLifetime ? String(now.maxLifetime) : "" });
  const lifeField = field("Longest life", life, { kind: "seconds", hint: "From iat to exp. A whole number." });
  const read = () => ({ audience: audience.value.trim() || undefined, issuer: issuer.value.trim() || undefined, maxLifetime: Number(life.value.trim()) || undefined });
  const before = JSON.stringify({ audience: now.audience || undefined, issuer: now.issuer || undefined, maxLifetime: now.maxLifetime || undefined });
  dialog(`Tokens of ${c.id}`, {
    body: [h("p", { class: "muted" }, "What is empty is not asked for. These rules hold beside those of the gateway."), field("Audience (aud)", audience), field("Issuer (iss)", issuer), lifeField,
      notice("info", h("p", {}, "The connections of its tokens end. Who has a token that fits may connect again."))],
    action: "Save", ready: () => /^\d*$/.test(life.value.trim()) && JSON.stringify(read()) !== before, places: [[lifeField, /maxLifetime/]],
    submit: async () => {
      await call("PUT", clientPath(c.id, "token-rules"), { body: read() });
      await changed(`Changed what tokens of ${c.id} must be`);
    },
  });
}

function revoke(c, changed) {
  const token = h("textarea", { class: "code", rows: 5, spellcheck: "false", placeholder: "eyJ…" });
  const tokenField = field("Token", token, { hint: "It has to have a jti, by which the gateway knows it." });
  dialog("Revoke a token", {
    body: [h("p", {}, "The gateway refuses it until it expires, and its connections end."), tokenField], action: "Revoke", kind: "danger", ready: () => token.value.trim() !== "", places: [[tokenField, /token|jti/i]],
    submit: async () => {
      await call("POST", clientPath(c.id, "revoked-tokens"), { body: { jwt: token.value.trim() } });
      await changed(`Revoked a token of ${c.id}`);
    },
  });
}
