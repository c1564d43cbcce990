// Publishes a message: a form from the fields of the schema, or JSON.
import { h, fill } from "../../dom.js";
import { call, exchange, gatewayUrl, get, isAbort, Problem, streamPath, withTexts } from "../../api.js";
import { count, bytes, indented, plural, shell } from "../../format.js";
import { busy, button, copy, field, holdsJSON, notice, problemNotice, segments, toast } from "../../ui.js";
import { Socket } from "../../socket.js";
import { link } from "../../app.js";
import { explanation } from "./explain.js";
import { messageForm } from "./form.js";

/** @param {import("../stream.js").StreamView} view */
export default async function publish(view) {
  const who = view.session;
  let definition = null;
  if (who.hasHttp && view.state.version !== null) definition = await get(streamPath(view.name, "schemas", "current"), {}, view.signal);
  const fields = definition?.fields ?? [];
  const form = messageForm(fields);
  const text = h("textarea", { class: "code", rows: 12, spellcheck: "false" });
  const textField = field("Message", text, { kind: "JSON" });
  const result = h("div", { "aria-live": "polite" });
  const area = h("div", { class: "stack" });
  let mode = definition && fields.length ? "form" : "json";
  const message = () => (mode === "json" ? text.value.trim() : form.text());

  const draw = () => fill(area, mode === "json" ? textField : form.element);
  const change = (next) => {
    if (next === mode) return;
    if (next === "json") text.value = indented(form.text());
    else {
      try {
        form.set(JSON.parse(text.value));
      } catch {
        return toastNoJson(choice, mode);
      }
    }
    mode = next;
    draw();
  };
  const choice = segments("Write it as", [["form", "Form"], ["json", "JSON"]], mode, change);
  text.value = "{}";
  draw();

  const wrong = (error) => {
    const left = mode === "form" ? form.show(error.errors ?? []) : error.errors ?? [];
    const shown = error instanceof Problem ? Object.assign(new Problem({ code: error.code, title: error.title, detail: error.message, status: error.status }), { errors: left }) : error;
    fill(result, problemNotice(shown));
  };
  const clean = () => {
    form.show([]);
    fill(result);
  };
  const attempt = async (work) => {
    clean();
    if (mode === "json" && !holdsJSON(textField, text)) return;
    try {
      await work(message());
    } catch (error) {
      if (isAbort(error)) throw error;
      wrong(error);
    }
  };
  const send = () => attempt(async (raw) => {
    const at = who.hasHttp ? await call("POST", streamPath(view.name, "publish"), { raw: `{"payload":${raw}}` }) : await overSocket(who, view.name, raw);
    fill(result, notice("good", h("p", {}, "Published as ", h("a", { href: link(["streams", view.name, "messages"], { from: at.seq }) }, `message ${count(at.seq)}`), ".")));
    if (who.hasHttp) await view.refresh();
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
    area, result,
    h("div", { class: "spread" },
      h("div", { class: "row" }, primary, who.hasHttp && button("Check only", { click: check }), who.hasHttp && button("Who would get it", { click: reach })),
      h("div", { class: "row" }, button("Copy as curl", { small: true, kind: "quiet", icon: "copy", click: () => copy(curl()) }), button("Copy as command", { small: true, kind: "quiet", icon: "copy", click: () => copy(command()) })))));

  const like = view.query.get("like");
  if (like && who.hasHttp) {
    const { text: answer, value } = await exchange("GET", streamPath(view.name, "messages"), { query: { from: like, limit: 1 }, signal: view.signal });
    const [found] = withTexts(answer, value);
    if (found) {
      text.value = indented(found.text);
      form.set(value.messages[0].payload);
    }
  }
}

function toastNoJson(choice, mode) {
  toast("This is no JSON yet, so the form cannot show it.", "danger");
  queueMicrotask(() => choice.querySelectorAll("button").forEach((b) => b.setAttribute("aria-pressed", String(b.textContent === (mode === "json" ? "JSON" : "Form")))));
}

/** Publishes for the bearer of a token, who has no HTTP API. */
async function overSocket(who, stream, raw) {
  const socket = await Socket.open(who);
  try {
    return await socket.request("publish", { streamName: stream, raw });
  } finally {
    socket.close();
  }
}
