// Programs to copy, with the URL of this gateway. Secrets are never in them.
import { shell } from "../format.js";

/** @typedef {{url: string, stream: string, client: string, integrity?: string, message?: any}} Target integrity is that of /seagate.js, message one that the stream accepts */

/** The value that a field of a type has in an example. */
const values = { string: "text", float: 1.5, integer: 1, date: "2026-01-31T12:00:00Z" };

/** A message that matches the fields of a definition. */
export const exampleOf = (fields) => Object.fromEntries(fields.filter((f) => !f.optional).map((f) => [f.name, exampleField(f)]));

function exampleField({ type, enum: options, fields }) {
  const inner = /^array<(.*)>$/.exec(type)?.[1];
  if (inner) return [exampleField({ type: inner, enum: options, fields })];
  if (type === "enum") return options[0];
  return type === "object" ? exampleOf(fields) : values[type] ?? null;
}

const quoted = (text) => JSON.stringify(text);

/** @type {Object<string, (target: Target) => string>} */
export const snippets = {
  "Web page": ({ url, stream, client, integrity }) => `<!-- A page has a token, never a secret: your server signs it with the key
     of the client. To try the page before there is a server, put what
     "seagate token mint" prints in the place of the function. -->
<script type="importmap">
{
  "imports": { "seagate-client": ${quoted(url + "/seagate.js")} },
  "integrity": { ${quoted(url + "/seagate.js")}: ${quoted(integrity ?? "sha384-…")} }
}
</script>
<script type="module">
  import { connect } from "seagate-client";

  const client = connect(${quoted(url)}, {
    clientId: ${quoted(client)},
    token: async () => {
      const answer = await fetch("/seagate-token");
      if (!answer.ok) throw new Error(\`token: \${answer.status}\`);
      return answer.text();
    },
  });
  // 1006 at once: is the origin of this page in the gateway's allowed_origins?
  client.on("disconnect", ({ error }) => console.warn(error.message));
  for await (const { seq, payload } of client.subscribe(${quoted(stream)}, { from: "earliest" })) {
    console.log(seq, payload); // over reconnects too, nothing missed and nothing twice
  }
</script>`,

  JavaScript: ({ url, stream, client }) => `// Node 22, without packages. The module of the snippet for web pages does more.
const socket = new WebSocket(${quoted(url.replace(/^http/, "ws") + "/api/v1/streams")});
let id = 0; // the ids of requests count up from 1
const send = (request) => socket.send(JSON.stringify({ id: ++id, ...request }));

socket.onopen = () => {
  send({ action: "authenticate", payload: {
    type: "basic", clientId: ${quoted(client)}, clientSecret: process.env.SEAGATE_CLIENT_SECRET } });
  send({ action: "subscribe", payload: ${quoted(stream)}, from: "latest", meta: true });
};
socket.onmessage = (event) => {
  const { success, error, payload, seq } = JSON.parse(event.data);
  if (error) console.error(error.code, error.message);
  else if (success === undefined) console.log(seq, payload); // a message
};
socket.onclose = (event) => console.log("closed:", event.reason);`,

  Python: ({ url, stream, client, message = {} }) => `# Python 3, without further packages
import base64, json, os, urllib.request

URL = ${quoted(url + "/api/v1/streams/" + encodeURIComponent(stream))}
LOGIN = ${quoted(client)} + ":" + os.environ["SEAGATE_CLIENT_SECRET"]

def call(path, body=None):
    request = urllib.request.Request(URL + path, headers={
        "Authorization": "Basic " + base64.b64encode(LOGIN.encode()).decode(),
        "Content-Type": "application/json"},
        data=None if body is None else json.dumps(body).encode())
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)

for message in call("/messages?from=earliest&limit=10")["messages"]:
    print(message["seq"], message["time"], message["payload"])
# call("/publish", json.loads(${quoted(JSON.stringify({ payload: message }))})) publishes a message`,

  curl: ({ url, stream, client, message = {} }) => {
    const path = `${url}/api/v1/streams/${encodeURIComponent(stream)}`;
    return `# curl asks for the secret
curl -u ${shell(client)} ${shell(path)}
curl -u ${shell(client)} ${shell(path + "/messages?from=earliest&limit=10")}
curl -u ${shell(client)} ${shell(path + "/publish")} \\
  -H 'Content-Type: application/json' -d ${shell(JSON.stringify({ payload: message }))}`;
  },

  "Command line": ({ url, stream, client, message = {} }) => `export SEAGATE_URL=${shell(url)}
export SEAGATE_CLIENT_ID=${shell(client)}
printf 'Secret: '; read -rs SEAGATE_CLIENT_SECRET; export SEAGATE_CLIENT_SECRET

seagate describe ${shell(stream)}
seagate subscribe ${shell(stream)} --from latest --meta
seagate publish ${shell(stream)} ${shell(JSON.stringify(message))}`,
};
