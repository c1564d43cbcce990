// The dialog that defines a stream.
import { link } from "../app.js";
import { call, streamPath } from "../api.js";
import { dialog, field, input, toast } from "../ui.js";
import { definitionEditor } from "./definition.js";

/** Asks for a stream and defines it. */
export function newStream() {
  const name = input({ class: "code", placeholder: "boiler_data" });
  const editor = definitionEditor({ version: 1, fields: [{ name: "temperature", type: "float" }, { name: "pressure", type: "integer" }] }, true);
  const nameField = field("Name", name, { hint: "Letters, digits and - _ . ~ @ + : of any script." });
  dialog("Define a stream", {
    body: [nameField, editor.element],
    action: "Define", ready: () => name.value.trim() !== "",
    submit: async () => {
      const raw = editor.text(), stream = name.value.trim(), path = streamPath(stream, "define");
      nameField.setError("");
      if (await isThere(path, raw)) {
        nameField.setError("There is such a stream. Open it, and define a new version there.");
        name.focus();
        return false;
      }
      await call("POST", path, { raw });
      toast(`Defined ${stream}`);
      location.hash = link(["streams", stream, "publish"]);
    },
  }).element.classList.add("dialog-wide");
}

/** Reports whether a definition would not be the first one of its stream. */
async function isThere(path, raw) {
  try {
    return (await call("POST", path, { raw, query: { dryRun: true } })).change !== "created";
  } catch (error) {
    if (["version_conflict", "version_too_old"].includes(error.code)) return true;
    throw error;
  }
}
