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
    action: "Define", ready: () => name.value !== "",
    submit: async () => {
      const raw = editor.text(), path = streamPath(name.value, "define");
      nameField.setError("");
      const plan = await call("POST", path, { raw, query: { dryRun: true } });
      if (plan.change !== "created") {
        nameField.setError("There is such a stream. Open it, and define a new version there.");
        name.focus();
        return false;
      }
      await call("POST", path, { raw });
      toast(`Defined ${name.value}`);
      location.hash = link(["streams", name.value, "publish"]);
    },
  }).element.classList.add("dialog-wide");
}
