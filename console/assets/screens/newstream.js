// The dialog that defines a stream.
import { link } from "../app.js";
import { call, streamPath } from "../api.js";
import { dialog, field, input, toast } from "../ui.js";
import { definitionEditor } from "./definition.js";

/** Asks for a stream and defines it. */
export function newStream() {
  const name = input({ class: "code", placeholder: "boiler_data" });
  const editor = definitionEditor({ version: 1, fields: [{ name: "temperature", type: "float" }, { name: "pressure", type: "integer" }] }, true);
  dialog("Define a stream", {
    body: [field("Name", name, { hint: "Letters, digits and - _ . ~ @ + : of any script." }), editor.element],
    action: "Define", ready: () => name.value !== "",
    submit: async () => {
      await call("POST", streamPath(name.value, "define"), { raw: editor.text() });
      toast(`Defined ${name.value}`);
      location.hash = link(["streams", name.value, "publish"]);
    },
  }).element.classList.add("dialog-wide");
}
