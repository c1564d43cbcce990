// Publishes a message: a form from the fields of the schema, or JSON.
import { h, fill } from "../../dom.js";
import { call, exchange, gatewayUrl, get, isAbort, onReachable, Problem, streamPath, unreachable, withTexts } from "../../api.js";
import { count, bytes, indented, plural, shell } from "../../format.js";
import { busy, button, copy, field, holdsJSON, notice, problemNotice, segments, spans } from "../../ui.js";
import { Socket } from "../../socket.js";
import { link } from "../../app.js";
import { explanation } from "./explain.js";
import { messageForm } from "./form.js";
import { onSession } from "../../session.js";

/** What was typed last. It is still there after a look at another tab of the stream. What was sent stays in it, too, until an answer says whether it was published. @type {any} */
let kept = null;
onSession(() => void (kept = null));

/** The parts of the screen in which one types: those of before, if they are of the same stream and definition. */
function typing(name, definition) {
  const fields = definition?.fields ?? [], of = JSON.stringify([name, fields]);
  if (kept?.of === of) return kept;
  const text = h("textarea", { class: "code", rows: 12, spellcheck: "false", value: "{}" });
  return (kept = { of, form: messageForm(fields), text, textField: field("Message", text, { kind: "JSON" }), mode: fields.length ? "form" : "json", sent: null });
}

/** @param {import("../stream.js").StreamView} view */
export default async function publish(view) {
  const who = view.session;
  let definition = null;
  if (who.hasHttp && view.state.version !== null) definition = await get(streamPath(view.name, "schemas", "current"), {}, view.signal);
  const fields = definition?.fields ?? [];
  const draft = typing(view.name, definition), { form, text, textField } = draft;
  const held = h("div", { "aria-live": "polite" });
  const result = h("div", { "aria-live": "polite" });
  const area = h("div", { class: "stack" });
  const message = () => (draft.mode === "json" ? text.value.trim() : form.text());

  const draw = () => fill(area, draft.mode === "json" ? textField : form.element);
  const change = (next) => {
    if (next === draft.mode) return true;
    if (next === "json") text.value = indented(form.text());
    else {
      if (!holdsJSON(textField, text)) return false;
      const place = form.set(text.value);
      if (place) {
        textField.setError(`The form has no place for ${place} as it is here. Leave it as JSON, or change it.`);
        text.focus();
        return false;
      }
    }
    draft.mode = next;
    draw();
    return true;
  };
  const choice = segments("Write it as", [["form", "Form"], ["json", "JSON"]], draft.mode, change);
  draw();

  const wrong = (error) => {
    const left = draft.mode === "form" ? form.show(error.errors ?? []) : error.errors ?? [];
    if (!(error instanceof Problem)) return fill(result, problemNotice(error));
    const shown = new Problem({ code: error.code, title: error.title, detail: error.message, status: error.status, errors: left });
    if (error.code === "stream_paused") Object.assign(shown, { title: "The stream is held", message: "It takes no messages until it is resumed." });
    fill(result, problemNotice(shown));
  };
  const drawHeld = () => {
    if (Boolean(view.state?.held) === Boolean(held.firstChild)) return;
    fill(held, view.state?.held && notice("warning", h("p", {}, h("strong", {}, "The stream is held. "), "It refuses messages until somebody who administers it presses Resume.")));
  };
  view.changed = drawHeld;
  drawHeld();
  /** Says that nobody knows whether the message was published, and why, or that the gateway answers again. */
  const unsure = (again) => {
    const { error, id } = draft.sent;
    fill(result, notice(again ? "info" : "danger",
      h("p", {}, h("strong", {}, again ? "The gateway answers again. " : `${error.title}. `), "Whether the message was published is not known."),
      error.code !== "unreachable" && h("p", {}, error.message),
      h("p", {}, id ? spans("Press Publish again within 2 minutes, unless the operator has set `streams.message_id_window` otherwise: the message has an id, so the gateway takes it once. Later, look at the newest messages first.")
        : "Look at the newest messages before you publish it again, or it may be there twice.")));
  };
  const answersAgain = () => draft.sent?.error?.code === "unreachable";
  onReachable((reachable) => reachable && answersAgain() && unsure(true), view.signal);

  const clean = () => {
    form.show([]);
    fill(result);
  };
  const attempt = async (work) => {
    clean();
    if (draft.mode === "json" && !holdsJSON(textField, text)) return;
    try {
      await work(message());
    } catch (error) {
      if (isAbort(error)) throw error;
      wrong(error);
    }
  };
  /** Shows what becomes of the message that was sent. */
  const follow = async () => {
    let at;
    try {
      at = await draft.sent.answer;
    } catch (error) {
      return draft.sent?.error === error ? unsure(false) : wrong(error);
    }
    fill(result, notice("good", h("p", {}, "Published as ", h("a", { href: link(["streams", view.name, "messages"], { from: at.seq }) }, `message ${count(at.seq)}`), ".")));
    if (who.hasHttp) await view.refresh();
  };
  const send = () => attempt((raw) => {
    const again = draft.sent && indented(draft.sent.raw) === indented(raw); // the form and JSON differ in their spaces only
    draft.sent = { ...(again ? draft.sent : { raw, id: newId() }), error: null };
    draft.sent.answer = deliver(who, view.name, draft);
    return follow();
  });
  const check = () => attempt(async (raw) => {
    const plan = await call("POST", streamPath(view.name, "publish"), { raw: `{"payload":${raw}}`, query: { dryRun: true } });
    fill(result, notice("info", h("p", {}, h("strong", {}, "It would be accepted"), ` as message ${count(plan.seq)}, with ${bytes(plan.bytes)}. `,
      `${plural(plan.subscribers, "subscriber")} and ${plural(plan.groups, "group")} would receive it. Nothing was published.`)));
  });
  const reach = () => attempt(async (raw) => {
    fill(result, explanation(await call("POST", streamPath(view.name, "explain"), { raw: `{"payload":${raw}}` })));
  });
  const path = () => `${gatewayUrl}/api/v1${streamPath(view.name, "publish")}`;
  const curl = () => `curl -u ${shell(who.clientId)} ${shell(path())} -H 'Content-Type: application/json' -d ${shell(`{"payload":${message()}}`)}`;
  const command = () => `seagate publish ${shell(view.name)} ${shell(message())}`;

  const primary = button("Publish", { kind: "primary", icon: "send", type: "submit" });
  fill(view.root, h("form", { class: "card", novalidate: true, "aria-label": "A message", on: { submit: (event) => (event.preventDefault(), busy(primary, send)) } },
    h("div", { class: "card-head" }, h("div", {}, h("h2", {}, "Publish a message"), h("p", { class: "muted small" }, definition ? `Checked against version ${definition.version} of the schema.` : who.hasHttp ? "Nobody has defined this stream." : "Checked against the schema of the stream.")),
      definition && fields.length > 0 && choice),
    held, area, result,
    h("div", { class: "spread" },
      h("div", { class: "row" }, primary, who.hasHttp && button("Check only", { click: check }), who.hasHttp && button("Who would get it", { click: reach })),
      h("div", { class: "row" }, button("Copy as curl", { small: true, kind: "quiet", icon: "copy", click: () => copy(curl()) }), button("Copy as command", { small: true, kind: "quiet", icon: "copy", click: () => copy(command()) })))));

  if (draft.sent?.error) unsure(answersAgain());
  else if (draft.sent) { // it was left while it was under way
    fill(result, notice("info", h("p", {}, "The message is being published.")));
    busy(primary, follow);
  }
  const like = view.query.get("like");
  if (!like || !who.hasHttp) return;
  const { text: answer, value } = await exchange("GET", streamPath(view.name, "messages"), { query: { from: like, limit: 1 }, signal: view.signal });
  view.setQuery({ like: null }); // so that it does not come again over what is typed
  const [found] = withTexts(answer, value);
  if (!found) return;
  const place = form.set(found.text);
  if (place) choice.pick("json");
  text.value = indented(found.text);
  if (place && fields.length > 0) fill(result, notice("info", h("p", {}, `It is shown as JSON, since the form has no place for ${place} as it is there.`)));
}

/** An id of a message, by which the gateway knows it when it comes again. A page that was not loaded over TLS has no randomUUID. */
const newId = () => "console-" + [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");

/** Publishes a message under its id. Where the gateway takes no more ids, it is published without. @param {{raw: string, id: string}} message */
async function once(who, stream, message) {
  try {
    return await publishOne(who, stream, message);
  } catch (error) {
    if (error.code !== "too_many_message_ids") throw error;
    message.id = "";
    return publishOne(who, stream, message);
  }
}

/** Reports whether an error leaves open whether the message was published. A proxy that answers 4xx did not pass it on. */
const leavesOpen = ({ code, status }) => ["unreachable", "storage_unavailable", "internal"].includes(code) || (code === "not_json" && !(status >= 400 && status < 500));

/** Sends what is in a draft. It stays there, with the error, while it is not known whether it was published. */
async function deliver(who, stream, draft) {
  const { sent } = draft;
  try {
    const at = await once(who, stream, sent);
    draft.sent = null;
    return at;
  } catch (error) {
    if (leavesOpen(error)) sent.error = error;
    else draft.sent = null;
    throw error;
  }
}

/** Over the WebSocket for the bearer of a token, who has no HTTP API. */
async function publishOne(who, stream, { raw, id }) {
  if (who.hasHttp) return call("POST", streamPath(stream, "publish"), { raw: `{"payload":${raw}}`, headers: id ? { "Idempotency-Key": id } : {} });
  const socket = await Socket.open(who);
  let ended = false;
  socket.onEnd = () => void (ended = true);
  try {
    return await socket.request("publish", { streamName: stream, raw, messageId: id });
  } catch (error) {
    throw ended ? unreachable() : error; // why the connection ended says nothing about the message
  } finally {
    socket.close();
  }
}
