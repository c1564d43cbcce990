// The API of the stream-sea JavaScript client on top of seagate.js, so that a page or a
// program moves by changing one import. What it has beyond that API: it misses nothing over
// a reconnect, and its errors have a code.

import { connect, SeagateError } from "./seagate.js";

export const FieldType = Object.freeze({
  STRING: "string", FLOAT: "float", INTEGER: "integer", DATE: "date", ENUM: "enum", OBJECT: "object",
  STRING_ARRAY: "array<string>", FLOAT_ARRAY: "array<float>", INTEGER_ARRAY: "array<integer>",
  DATE_ARRAY: "array<date>", OBJECT_ARRAY: "array<object>",
});

// A page has no EventEmitter of Node. This one has its methods that the API shows.
class EventEmitter {
  #listeners = new Map();

  on(type, listener) {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
    return this;
  }
  addListener(type, listener) {
    return this.on(type, listener);
  }
  once(type, listener) {
    const f = (...values) => {
      this.off(type, f);
      listener.apply(this, values);
    };
    f.listener = listener;
    return this.on(type, f);
  }
  off(type, listener) {
    const list = [...(this.#listeners.get(type) ?? [])];
    const i = list.findLastIndex((f) => f === listener || f.listener === listener);
    if (i >= 0) list.splice(i, 1);
    this.#listeners.set(type, list);
    return this;
  }
  removeListener(type, listener) {
    return this.off(type, listener);
  }
  removeAllListeners(type) {
    type === undefined ? this.#listeners.clear() : this.#listeners.delete(type);
    return this;
  }
  listenerCount(type) {
    return this.#listeners.get(type)?.length ?? 0;
  }
  emit(type, ...values) {
    const list = this.#listeners.get(type) ?? [];
    for (const listener of list) listener.apply(this, values);
    return list.length > 0;
  }
}

export class StreamSeaSubscription extends EventEmitter {
  constructor(streamName) {
    super();
    this.streamName = streamName;
  }
}

// A StreamSeaClient emits "error" with {type, error} when its credentials are refused.
export class StreamSeaClient extends EventEmitter {
  #options;
  #client;
  #followed = []; // [subscription, the subscription of the client that feeds it]

  constructor(options) {
    super();
    this.#options = options;
    this.#open();
  }

  #open() {
    const { credentialOptions: c, WebSocket } = this.#options;
    const latest = () => this.#options.credentialOptions;
    const secret = c.type === "jwt" ? { token: () => latest().jwt } : { clientSecret: () => latest().clientSecret };
    const client = (this.#client = connect(urlOf(this.#options), { clientId: c.clientId, WebSocket, ...secret }));
    client.on("close", ({ error }) => error && this.#refused(error));
    client.on("disconnect", ({ error }) => error.code === "token_expired" && this.#refused(error));
    for (const pair of this.#followed) pair[1] = this.#follow(pair[0], pair[1]?.position);
  }

  // Like the original, it tells of an object that is no Error.
  #refused({ code, message, errors }) {
    const told = this.emit("error", { type: "AuthenticationError", error: { code, message, errors } });
    if (!told) console.error(`stream-sea: ${code}: ${message}`);
  }

  #follow(subscription, position) {
    const inner = this.#client.subscribe(subscription.streamName, { fanout: !!this.#options.fanout, ...position });
    inner.on("message", (message) => subscription.emit("message", message.payload));
    inner.on("end", ({ error }) => error && error !== this.#client.error && subscription.emit("error", error));
    return inner;
  }

  addSubscription = (subscription) => {
    const pair = [subscription];
    this.#followed.push(pair); // without a client it waits for other credentials
    if (this.#client.status !== "closed") pair[1] = this.#follow(subscription);
  };

  // The next connection has these credentials. A client that has none makes one at once.
  setCredentialOptions = (credentialOptions) => {
    const before = this.#options.credentialOptions;
    this.#options = { ...this.#options, credentialOptions };
    const { status } = this.#client;
    if (status === "waiting") this.#client.wake();
    else if (status === "closed" || before.type !== credentialOptions.type || before.clientId !== credentialOptions.clientId) {
      const old = this.#client;
      this.#open();
      old.close();
    }
  };

  destroy = () => void this.#client.close();
}

export const getStreamSeaClient = (options) => new StreamSeaClient(options);

const hostOf = ({ secure, remoteServerHost, remoteServerPort }) => `${secure ? "https" : "http"}://${remoteServerHost}:${remoteServerPort}`;
const urlOf = (args) => `${hostOf(args)}/api/v1/streams`;

async function follow(args, credentialOptions) {
  const client = getStreamSeaClient({ ...args, credentialOptions });
  const subscription = new StreamSeaSubscription(args.stream);
  client.addSubscription(subscription);
  return subscription;
}

export const subscribe = ({ clientId, clientSecret, ...args }) => follow(args, { type: "basic", clientId, clientSecret });
export const subscribeWithJwt = ({ clientId, jwt, ...args }) => follow(args, { type: "jwt", clientId, jwt });

// The original rejects with the error of its HTTP library: statusCode, and the body in error.
async function call(args, method, path, body) {
  const basic = new TextEncoder().encode(`${args.clientId}:${args.clientSecret}`);
  const response = await fetch(`${hostOf(args)}/api/v1${path}`, {
    method,
    headers: { "Content-Type": "application/json", Authorization: "Basic " + btoa(String.fromCharCode(...basic)) },
    body: body && JSON.stringify(body),
  });
  const text = await response.text();
  let answer = text;
  try {
    answer = JSON.parse(text);
  } catch {}
  if (response.ok) return answer;
  const error = new SeagateError(answer.code ?? "connection_lost", `${response.status} - ${text}`);
  throw Object.assign(error, { name: "StatusCodeError", statusCode: response.status, error: answer });
}

const part = encodeURIComponent;

export const publish = (args) => call(args, "POST", `/streams/${part(args.stream)}/publish`, { payload: args.payload });
export const defineStream = (args) => call(args, "POST", `/streams/${part(args.stream)}/define`, { version: args.version, fields: args.fields });
export const describeStream = (args) => call(args, "GET", `/streams/${part(args.stream)}/schema`);
export const getSchemaVersionsVector = async (args) =>
  (await call(args, "POST", "/schema-versions-vector", { schemaNames: args.schemaNames })).versionsVector;
export const createClient = (args) =>
  call(args, "POST", "/client", { clientId: args.targetClientId, description: args.targetClientDescription });
export const deleteClient = (args) => call(args, "DELETE", `/client/${part(args.targetClientId)}`);
export const rotateClientSecret = (args) => call(args, "PUT", `/client/${part(args.clientId)}`);
export const rotateClientJwtPublicKey = (args) =>
  call(args, "PUT", `/client/${part(args.clientId)}/jwt-public-key`, { jwtPublicKey: args.jwtPublicKey });
