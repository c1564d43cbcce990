// A stream-sea client: it connects, defines a stream, subscribes to it and publishes one message.
const { SEAGATE_URL, SEAGATE_CLIENT_ID, SEAGATE_CLIENT_SECRET } = process.env;
const socket = new WebSocket(SEAGATE_URL.replace(/^http/, "ws") + "/api/v1/streams");
const answers = new Map(); // id of a request -> its promise, as [resolve, reject]
const subscriptions = new Map(); // id of a subscribe -> the function that takes its messages
let lastId = 0;

function request(message, onMessage) {
  const id = ++lastId; // 1, 2, 3, ...: the gateway accepts no other order
  if (onMessage) subscriptions.set(id, onMessage);
  socket.send(JSON.stringify({ id, ...message }));
  return new Promise((resolve, reject) => answers.set(id, [resolve, reject]));
}

socket.onmessage = (event) => {
  const { id, success, payload, error } = JSON.parse(event.data);
  if (success === undefined) return subscriptions.get(id)(payload); // a delivery
  const [resolve, reject] = answers.get(id) ?? [];
  if (success) resolve(payload);
  else reject?.(new Error([error.code, error.message, ...(error.errors ?? [])].join(": ")));
};

socket.onopen = async () => {
  const fields = [{ name: "temperature", type: "float" }, { name: "pressure", type: "integer" }];
  const credentials = { type: "basic", clientId: SEAGATE_CLIENT_ID, clientSecret: SEAGATE_CLIENT_SECRET };
  await request({ action: "authenticate", payload: credentials });
  await request({ action: "define", streamName: "boiler_data", payload: { version: 1, fields } });
  await request({ action: "subscribe", payload: "boiler_data" }, (message) => {
    console.log("received", message);
    socket.close();
  });
  await request({ action: "publish", streamName: "boiler_data", payload: { temperature: 91.5, pressure: 3001 } });
};
