// What the example pages share: a form that connects to a gateway. The credentials stay in the
// memory of the page. It is no module, so that the pages also work as files.

// connected calls use with a client when the form #connect was sent.
function connected(use) {
  const form = document.querySelector("#connect");
  const status = document.querySelector("#status");
  const say = (text, kind = "") => {
    status.textContent = text;
    status.className = `status ${kind}`;
  };
  let client;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    client?.close();
    const { gateway, clientId, secret } = form.elements;
    say("Connecting …");
    try {
      // The gateway serves the module of its own version.
      const { connect } = await import(new URL("/seagate.js", gateway.value)).catch(() => {
        throw new Error(`There is no gateway at ${gateway.value}, or it does not serve its client to this page`);
      });
      const isToken = secret.value.startsWith("eyJ");
      client = connect(gateway.value, { clientId: clientId.value, [isToken ? "token" : "clientSecret"]: secret.value });
      client.on("connect", () => say("Connected", "good"));
      client.on("disconnect", ({ wait }) => say(`No connection. Trying again in ${Math.ceil(wait / 1000)} s`, "bad"));
      client.on("close", ({ error }) => error && say(error.message, "bad"));
      await use(client, form.elements, say);
    } catch (error) {
      say(error.message, "bad");
    }
  });
}
