// The Seagate client for browsers and Node. seagate.d.ts documents what it exports, and
// docs/protocol.md of the gateway what it speaks.

const defaults = {
  connectTimeout: 15e3, // ms to connect and authenticate
  retryFirst: 1e3, // ms; a wait is random up to this, doubled with each failure
  retryMost: 30e3,
  pingInterval: 25e3, // ms of silence after which the client asks whether the gateway is there
  pingTimeout: 8e3,
  queueBytes: 16 << 20, // of requests without an answer
  bufferBytes: 1 << 20, // of messages that one subscription holds for its iterator
  publishWindow: 100e3, // ms in which a publish is repeated; gateways know message ids for 2 minutes
};
const longestBeat = 5e3; // ms between looks at the clock
const maxInFlight = 256; // requests without an answer on a connection
const overhead = 128; // bytes of memory for a message or request, beside its text
const longestTimer = 2 ** 31 - 1;

const temporary = /^(rate_limited|too_many_(?!keys|versions)|internal|shutting_down|storage_un|insufficient_st|quota_ex|server_(?!error)|call_[tc]|connection_lost|queue_full|peer_gone|messages_lost|token_un)/;
const fatal = /^(invalid_|malformed_json|nesting_too_deep|protocol_violation|forbidden|token_expired|closed)/;

export class SeagateError extends Error {
  constructor(code, message, { errors = [], details, close, cause } = {}) {
    super([message, ...errors].join("\n"), { cause });
    Object.assign(this, { name: "SeagateError", code, errors, details, close });
  }
  get temporary() {
    return temporary.test(this.code);
  }
}

const errorOf = (said) => new SeagateError(said.code, said.message, said);
const lost = (message, more) => new SeagateError("connection_lost", message, more);
const closed = () => new SeagateError("closed", "the client was closed");

// A gateway's reason is "code: text".
function closeError({ code, reason }) {
  const [, known, text] = /^(\w+): ?(.*)$/s.exec(reason ?? "") ?? [];
  return new SeagateError(known ?? "connection_lost", text || reason || `the connection ended with ${code}`, { close: code });
}

// crypto.randomUUID exists in secure contexts alone.
const uuid = () => {
  const random = crypto.getRandomValues(new Uint8Array(31));
  let i = 0;
  return "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (c) => (c ^ (random[i++] & (15 >> (c / 4)))).toString(16));
};

// The expiry of a token in ms, or undefined.
function expiryOf(token) {
  try {
    return JSON.parse(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"))).exp * 1e3 || undefined;
  } catch {}
}

function socketURL(url) {
  const from = import.meta.url;
  const base = globalThis.location?.href ?? (/^http/.test(from) ? from : undefined);
  const { protocol, host, pathname } = new URL(url ?? (/^http/.test(from) ? new URL(".", from) : base), base);
  return protocol.replace("http", "ws") + "//" + host + pathname.replace(/(\/api\/v1(\/streams)?)?\/*$/, "/api/v1/streams");
}

class Emitter extends EventTarget {
  on(type, listener) {
    const f = (event) => listener(event.detail);
    this.addEventListener(type, f);
    return () => this.removeEventListener(type, f);
  }
  _emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

// A Connection is one WebSocket. Requests are {text, resolve, reject, route}; route takes
// what comes under their id beside the answer.
class Connection {
  pending = new Map(); // by id, in the order of sending
  routes = new Map();
  heardAt = Date.now();
  #lastId = 0;
  #socket;

  constructor(Socket, url, onOpen) {
    this.#socket = new Socket(url);
    this.#socket.onopen = () => onOpen();
    this.#socket.onmessage = ({ data }) => this.#receive(data);
    this.#socket.onclose = (event) => this.end(closeError(event));
    // onclose follows at once, but in Node 20 never if there was no connection.
    this.#socket.onerror = () => setTimeout(() => this.end(closeError({ code: 1006 })), 0);
  }

  send(request) {
    const id = ++this.#lastId;
    const text = typeof request.text === "string" ? request.text : JSON.stringify(request.body(id));
    Object.assign(request, { id, conn: this });
    this.pending.set(id, request);
    if (request.route) this.routes.set(id, request.route);
    this.#socket.send(`{"id":${id},${text.slice(1)}`);
    return id;
  }

  ask(body, done) {
    return this.send({ text: JSON.stringify(body), resolve: done, reject: done });
  }

  #receive(data) {
    this.heardAt = Date.now();
    let m;
    try {
      m = JSON.parse(data);
    } catch {
      return this.end(new SeagateError("protocol_violation", "what answers is no gateway"));
    }
    const request = this.pending.get(m.id);
    if (m.success === undefined || !request) return this.routes.get(m.id)?.(m, data.length);
    if (!m.success && m.error?.code === "shutting_down" && request.again) {
      this.leaving = true; // the request stays, and goes to the next connection
      return;
    }
    this.pending.delete(m.id);
    if (m.success) {
      request.resolve?.(m);
    } else {
      this.routes.delete(m.id);
      request.reject?.(errorOf(m.error ?? {}));
    }
    this.onAnswer?.();
  }

  // drop forgets who takes the messages under an id.
  drop(id) {
    this.routes.delete(id);
    this.onAnswer?.();
  }

  end(error) {
    if (this.error) return;
    this.error = error;
    const s = this.#socket;
    s.onopen = s.onmessage = s.onclose = null;
    try {
      s.close(1000);
    } catch {}
    this.onEnd?.(error);
  }
}

export class Client extends Emitter {
  status = "connecting";
  jailId;
  _lasting = new Set(); // what is made again on each connection
  #options;
  #url;
  #connections = new Set(); // all that are open
  #queue = []; // requests that were not sent, or are to be sent again
  #bytes = 0;
  #failures = 0;
  #retryTimer;
  #renewTimer;
  #beatTimer;
  #beatAt = Date.now();
  #opening = false;
  #wakes = () => globalThis.document?.visibilityState !== "hidden" && this.wake();

  constructor(url, options = {}) {
    super();
    const Socket = options.WebSocket ?? globalThis.WebSocket;
    if (!Socket) throw new TypeError("there is no WebSocket here: give the option WebSocket");
    this.#options = { ...defaults, ...options, Socket };
    this.#url = socketURL(url);
    this.#listen("addEventListener");
    const beat = Math.min(longestBeat, this.#options.pingInterval);
    this.#beatTimer = setInterval(() => this.#beat(3 * beat), beat);
    this.#beatTimer.unref?.();
    this.#connect();
  }

  #listen(method) {
    for (const type of ["online", "pageshow"]) globalThis[method]?.(type, this.#wakes);
    for (const type of ["visibilitychange", "resume"]) globalThis.document?.[method](type, this.#wakes);
  }

  async #credentials() {
    const { token, clientId, clientSecret, jailId } = this.#options;
    let secret = token ?? clientSecret;
    if (typeof secret === "function") {
      try {
        secret = await secret();
      } catch (cause) {
        throw new SeagateError("token_unavailable", `the function that gives the token failed: ${cause?.message ?? cause}`, { cause });
      }
    }
    if (!secret) throw new SeagateError("invalid_credentials", "there is no token and no clientSecret");
    return token === undefined ? { type: "basic", clientId, clientSecret: secret } : { type: "jwt", clientId, jwt: secret, jailId };
  }

  // #open makes an authenticated connection. If the token has expired, it asks for another.
  async #open(known, again = true) {
    const { connectTimeout, Socket, token } = this.#options;
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(lost(`no answer for ${connectTimeout} ms`)), connectTimeout);
    });
    let conn;
    try {
      const credentials = known ?? (await Promise.race([this.#credentials(), late]));
      if (this.status === "closed") throw closed();
      await Promise.race([late, new Promise((resolve, reject) => {
        const text = JSON.stringify({ action: "authenticate", payload: credentials });
        conn = new Connection(Socket, this.#url, () => conn.send({ text, resolve: (m) => resolve((this.jailId = m.payload.jailId)), reject }));
        this.#connections.add(conn);
        conn.onEnd = reject;
      })]);
      conn.token = credentials.jwt;
      return conn;
    } catch (error) {
      if (conn) {
        this.#connections.delete(conn);
        conn.onEnd = undefined;
        conn.end(error);
      }
      if (again && error.code === "token_expired" && typeof token === "function") return await this.#open(undefined, false);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #connect() {
    clearTimeout(this.#retryTimer);
    if (this.#opening || this._conn || this.status === "closed") return;
    this.#opening = true;
    this.status = "connecting";
    try {
      this.#adopt(await this.#open());
    } catch (error) {
      this.#opening = false;
      this.#retry(error);
    }
  }

  // #adopt makes a connection the one that is used. One that it replaces ends once its
  // requests are answered.
  #adopt(conn) {
    this.#opening = false;
    const old = this._conn;
    this._conn = conn;
    this.status = "connected";
    conn.since = Date.now();
    conn.onAnswer = () => this.#flush();
    conn.onEnd = (error) => this.#lost(conn, error);
    for (const l of this._lasting) l._detach(old);
    for (const l of this._lasting) l._attach(conn);
    if (old) {
      old.onAnswer = () => (old.pending.size + old.routes.size ? this.#flush() : old.end(closed()));
      old.onAnswer();
    }
    this.#planRenewal(expiryOf(conn.token ?? ""));
    this.#flush();
    this._emit("connect", { renewed: !!old }); // a listener may ask for more
  }

  #lost(conn, error) {
    this.#connections.delete(conn);
    const current = this._conn === conn;
    if (current) {
      this._conn = undefined;
      clearTimeout(this.#renewTimer);
      for (const l of this._lasting) l._detach();
      if (Date.now() - conn.since > longestBeat) this.#failures = 0;
    }
    const left = [...conn.pending.values()];
    const guilty = error.close === 1009 && left.reduce((a, b) => (b.text?.length > (a?.text.length ?? 0) ? b : a), undefined);
    const again = [];
    for (const r of left) {
      if (r === guilty) r.reject?.(new SeagateError("message_too_large", "the message is larger than the gateway allows"));
      else if (r.again && this.status !== "closed") again.push(r);
      else r.reject?.(lost(`no answer before the connection ended: ${error.message}`, { cause: error }));
    }
    this.#queue.unshift(...again);
    for (const route of conn.routes.values()) {
      route({ done: true, error: { code: "connection_lost", message: `the connection ended during the call: ${error.message}` } });
    }
    this.#flush();
    if (current) this.#retry(error);
  }

  #retry(error) {
    if (this.status === "closed") return;
    const renews = error.code === "token_expired" && typeof this.#options.token === "function";
    if (!(error instanceof SeagateError) || (fatal.test(error.code) && !renews)) return this.#end(error);
    const { retryFirst, retryMost } = this.#options;
    const first = error.code === "server_shutdown" ? 3 * retryFirst : retryFirst; // it takes a while to come back
    let wait = Math.random() * Math.min(retryMost, first * 2 ** this.#failures);
    if (renews && !this.#failures) wait = 0;
    if (error.code === "too_many_attempts") wait += 60e3;
    this.#failures++;
    this.status = "waiting";
    this._emit("disconnect", { error, wait });
    if (this.status === "waiting") this.#retryTimer = setTimeout(() => this.#connect(), wait);
  }

  #planRenewal(expiry) {
    clearTimeout(this.#renewTimer);
    if (!expiry || typeof this.#options.token !== "function") return;
    const left = expiry - Date.now();
    if (left < 200) return;
    const wait = Math.max(left - Math.min(60e3, left / 5) * (1 + Math.random()), Math.min(1e3, left / 2));
    const plan = wait > longestTimer ? () => this.#planRenewal(expiry) : () => this.#renew(expiry);
    this.#renewTimer = setTimeout(plan, Math.min(wait, longestTimer));
  }

  // A connection cannot change its token, so another connection takes its place.
  async #renew(expiry) {
    const before = this._conn;
    try {
      const credentials = await this.#credentials();
      if (credentials.jwt !== before.token && this._conn === before) {
        const conn = await this.#open(credentials);
        if (this._conn === before) return this.#adopt(conn);
        this.#connections.delete(conn);
        conn.onEnd = undefined;
        conn.end(closed());
      }
    } catch {} // the connection works until its token expires
    if (this._conn === before) this.#planRenewal(expiry);
  }

  // A page cannot see the gateway's pings.
  #beat(tooLong) {
    const now = Date.now();
    const slept = now - this.#beatAt > tooLong;
    this.#beatAt = now;
    this.#flush();
    if (slept) return this.wake();
    for (const c of this.#connections) if (now - c.heardAt > this.#options.pingInterval) this.#probe(c);
  }

  wake() {
    if (this.status === "waiting") return void this.#connect();
    for (const c of this.#connections) this.#probe(c);
  }

  #probe(conn) {
    if (!conn.since || conn.probe) return;
    const asked = Date.now();
    conn.probe = setTimeout(() => {
      conn.probe = undefined;
      if (conn.heardAt < asked) conn.end(lost("the gateway does not answer"));
    }, this.#options.pingTimeout);
    conn.ask({ action: "ping" }, () => {
      clearTimeout(conn.probe);
      conn.probe = undefined;
    });
  }

  _enqueue(request) {
    return new Promise((resolve, reject) => {
      if (this.status === "closed" || this.#closing) throw closed();
      request.text ??= request.body ? undefined : JSON.stringify(request.message);
      const size = overhead + (request.text?.length ?? 0);
      if (this.#bytes + size > this.#options.queueBytes) {
        throw new SeagateError("queue_full", `${this.#bytes} bytes of requests have no answer yet`);
      }
      this.#bytes += size;
      const settle = (f) => (value) => {
        this.#bytes -= size;
        f(value);
      };
      request.resolve = settle(resolve);
      request.reject = settle(reject);
      this.#queue.push(request);
      this.#flush();
    });
  }

  #flush() {
    const conn = this._conn;
    while (Date.now() - this.#queue[0]?.sentAt >= this.#options.publishWindow) this.#queue.shift().reject(lost("no answer before the connection ended"));
    // Requests keep their order over a renewal.
    const before = [...this.#connections].some((c) => c.since && c !== conn && c.pending.size);
    while (!before && this.#queue.length && conn && !conn.error && !conn.leaving && conn.pending.size < maxInFlight) {
      const request = this.#queue.shift();
      request.sentAt ??= Date.now();
      conn.send(request);
    }
    if (this.#closing && !before && !this.#queue.length && !conn?.pending.size) this.#closing();
  }

  request(action, members) {
    return this._enqueue({ message: { action, ...members } });
  }

  publish(streamName, payload, { messageId = uuid(), header } = {}) {
    return this.#publish({ streamName, payload, messageId, header });
  }

  publishAll(streamName, batch, { messageId = uuid(), header } = {}) {
    return this.#publish({ streamName, batch, messageId, header });
  }

  async #publish(members) {
    const again = !!members.messageId;
    const { seq, lastSeq, time, epoch } = await this._enqueue({ again, message: { action: "publish", ...members, messageId: members.messageId || undefined } });
    return { seq, lastSeq: lastSeq ?? seq, time, epoch };
  }

  async define(streamName, definition) {
    return (await this._enqueue({ again: true, message: { action: "define", streamName, payload: definition } })).payload;
  }

  async describe(stream) {
    return (await this._enqueue({ again: true, message: { action: "describe", payload: stream } })).payload;
  }

  async signal(service, procedure, body = null, { all } = {}) {
    return (await this.request("signal", { payload: { service, procedure, body, all } })).reached;
  }

  fetch(service, procedure, body = null, { timeout, signal, onPart } = {}) {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const cancel = () => {
        const { conn, id } = request;
        if (conn && !conn.error) {
          conn.ask({ action: "unsubscribe", payload: id });
          conn.drop(id);
        } else {
          this.#queue = this.#queue.filter((r) => r !== request);
          request.reject(signal.reason);
        }
        reject(signal.reason);
      };
      const route = (m) => {
        if (!m.done) return onPart?.(m.result);
        signal?.removeEventListener("abort", cancel);
        request.conn.drop(request.id);
        m.error ? reject(errorOf(m.error)) : resolve(m.result);
      };
      const payload = { service, procedure, body, timeout: timeout && timeout / 1e3 };
      const request = { route, message: { action: "fetch", payload } };
      this._enqueue(request).catch((error) => {
        signal?.removeEventListener("abort", cancel);
        reject(error);
      });
      signal?.addEventListener("abort", cancel, { once: true });
    });
  }

  subscribe(stream, options = {}) {
    return this.#begin(new Subscription(this, stream, { ...this.#options, ...options }));
  }

  serve(service, procedures, options = {}) {
    return this.#begin(new Server(this, service, procedures, options));
  }

  provide(stream) {
    return this.#begin(new Provider(this, stream));
  }

  watch(service) {
    return this.#begin(new Watch(this, service));
  }

  #begin(lasting) {
    if (this.status === "closed" || this.#closing) throw closed();
    this._lasting.add(lasting);
    lasting._attach();
    return lasting;
  }

  #closing; // resolves once nothing waits for an answer
  #closes;

  get ready() {
    return new Promise((resolve, reject) => {
      if (this.status === "connected") return resolve();
      if (this.status === "closed") return reject(this.error ?? closed());
      this.addEventListener("connect", () => resolve(), { once: true });
      this.on("close", ({ error }) => reject(error ?? closed()));
    });
  }

  close({ timeout = 3e3 } = {}) {
    return (this.#closes ??= this.#close(timeout));
  }

  async #close(timeout) {
    if (this._conn || this.#queue.length) {
      for (const l of this._lasting) l.close();
      const timer = setTimeout(() => this.#closing(), timeout);
      await new Promise((resolve) => {
        this.#closing = resolve;
        this.#flush();
      });
      clearTimeout(timer);
    }
    this.#end();
  }

  #end(error) {
    if (this.status === "closed") return;
    this.status = "closed";
    this.error = error;
    this.#closing?.();
    for (const timer of [this.#retryTimer, this.#renewTimer, this.#beatTimer]) clearTimeout(timer);
    this.#listen("removeEventListener");
    for (const l of this._lasting) l._end(error ?? closed());
    for (const r of this.#queue.splice(0)) r.reject(error ?? closed());
    for (const conn of this.#connections) conn.end(error ?? closed());
    this._emit("close", { error });
  }
}

export const connect = (url, options) => new Client(url, options);

// A Lasting is asked for again on each connection until it is closed or refused.
class Lasting extends Emitter {
  _shares = false; // what comes after it left is still its own
  #begin;

  constructor(client) {
    super();
    this._client = client;
    this.ready = new Promise((resolve, reject) => (this.#begin = { resolve, reject }));
    this.ready.catch(() => {}); // whoever does not ask for it learns it by the event "end"
  }

  _attach(conn = this._client._conn) {
    if (!conn || this._old || this._closes) return;
    this._conn = conn;
    const mine = (f) => this._conn === conn && this._id === id && f();
    const id = (this._id = conn.send({
      text: JSON.stringify(this._body()),
      resolve: (m) => mine(() => {
        this._began(m);
        this.#begin.resolve(this);
      }),
      reject: (error) => mine(() => this._refused(error)),
      route: (m, size) => {
        if (!(m.drained || m.done || m.success === false)) return this._take(m, size, conn);
        this._left(conn, id);
        mine(() => this._refused(errorOf(m.error)));
      },
    }));
  }

  // _detach leaves a connection that is lost or, if it is given, is replaced.
  _detach(old) {
    if (old && this._conn === old) return this._leave(true);
    this._conn?.routes.delete(this._id);
    this._conn = undefined;
  }

  // With drain, a member of a group joins elsewhere once nothing is in flight to it.
  _leave(drain) {
    const conn = this._conn ?? this._old;
    const id = this._id;
    if (!conn) return this._end();
    this._conn = undefined;
    if (this._shares) this._old = conn;
    else conn.routes.delete(id);
    conn.ask({ action: "unsubscribe", payload: id, drain }, (m) => m.draining || this._left(conn, id));
  }

  _left(conn, id) {
    conn.drop(id);
    if (this._old === conn) this._old = undefined;
    if (this._closes) this._end();
    else if (this._shares && !this._conn) this._attach();
  }

  _began(m) {
    this._take(m);
  }

  _refused(error) {
    const conn = this._conn;
    if (!error.temporary && !this._outlasts?.(error)) return this._end(error);
    this._emit("refused", { error });
    setTimeout(() => conn && this._conn === conn && this._attach(conn), 1e3 + 2e3 * Math.random());
  }

  _end(error) {
    if (this.over) return;
    this.over = true;
    this.error = error;
    this._client._lasting.delete(this);
    this._conn?.routes.delete(this._id);
    this._conn = undefined;
    this.#begin.reject(error ?? closed());
    this._emit("end", { error });
  }

  async close(drain) {
    if (this.over) return;
    this._closes = true;
    const end = new Promise((resolve) => this.on("end", resolve));
    this._leave(drain);
    await end;
  }
}

// A stream without messages may have another epoch after a crash: its first message is 1 in any.
const epochOf = ({ seq, epoch }) => (seq > 1 ? epoch : undefined);

class Subscription extends Lasting {
  state;
  #options;
  #streams;
  #merged;
  #at = new Map(); // stream -> {seq, epoch} of the next message
  #yielded = new Map(); // the same, behind what the reader has got
  #headers = new Map(); // stream -> text of the header that was delivered
  #items = [];
  #bytes = 0;
  #held = false; // it has left, since its buffer is full
  #flows; // a listener takes the messages; false: the iterator does
  #wake;
  #acks;
  #restarted = false;

  constructor(client, stream, options) {
    super(client);
    this.#merged = Array.isArray(stream);
    this.#streams = [].concat(stream);
    this.#options = { ...options, group: options.fanout && !this.#merged ? uuid() : options.group };
    this._shares = !!this.#options.group;
    this.stream = stream;
    const { signal, from } = options;
    from?.toISOString?.(); // throws if it is none
    if (signal?.aborted) queueMicrotask(() => this.close());
    signal?.addEventListener("abort", () => this.close(), { once: true });
  }

  // A group keeps its position itself.
  get #tracks() {
    return !this._shares || this.#options.fanout;
  }

  get position() {
    const known = [...this.#yielded];
    if (!this.#merged) return known.length ? { from: known[0][1].seq, epoch: known[0][1].epoch } : undefined;
    return { from: Object.fromEntries(known.map(([s, p]) => [s, p.seq])), epoch: Object.fromEntries(known.map(([s, p]) => [s, p.epoch])) };
  }

  _body() {
    const o = this.#options;
    const streams = this.#streams;
    const body = { action: "subscribe", payload: streams.length > 1 ? streams : streams[0], meta: true, from: o.from, epoch: o.epoch };
    const known = streams.map((s) => this.#at.get(s));
    if (streams.length > 1) {
      const priority = o.sync?.priority && Object.fromEntries(Object.entries(o.sync.priority).filter(([s]) => streams.includes(s)));
      body.sync = { ...o.sync, priority };
      if (known.every(Boolean)) {
        body.from = Object.fromEntries(streams.map((s, i) => [s, known[i].seq]));
        body.epoch = Object.fromEntries(streams.map((s, i) => [s, epochOf(known[i])]));
      }
    } else if (known[0]) Object.assign(body, { from: known[0].seq, epoch: epochOf(known[0]) });
    return { ...body, groupId: o.group, ack: o.ack, credit: o.credit, state: o.state, filter: o.filter };
  }

  _attach(conn) {
    if (!this.#held) super._attach(conn);
  }

  _began(m) {
    const resumed = this.#at.size > 0;
    if (this.#tracks) {
      for (const s of this.#streams) {
        const joined = m.positions?.[s] ?? m;
        const at = this.#at.get(s);
        if (at?.seq === 1) at.epoch = joined.epoch;
        else if (at) continue;
        else if (joined.waiting) this.#at.set(s, { seq: 1 });
        else if (joined.epoch) this.#at.set(s, { seq: joined.nextSeq, epoch: joined.epoch });
        if (!at && this.#at.has(s)) this.#yielded.set(s, { ...this.#at.get(s) });
      }
    }
    if (m.paused !== undefined) this.#setState({ registered: m.registered, paused: m.paused });
    this._emit("subscribed", { resumed, restarted: this.#restarted, waiting: !!m.waiting });
    this.#restarted = false;
  }

  _refused(error) {
    if (error.code !== "position_lost" || !this.#at.size || this.#options.epoch || this.#merged) return super._refused(error);
    // The stream is another one than before, so nobody knows what of it was delivered.
    this.#at.clear();
    this.#headers.clear();
    this.#options.from = "earliest";
    this.#restarted = true;
    this._attach();
  }

  _take(m, size, conn) {
    const stream = m.streamName;
    const at = this.#at.get(stream);
    if (m.gap) {
      if (at) at.seq = m.gap.to + 1;
      this.#push({ type: "gap", detail: { stream, ...m.gap } });
    } else if (m.state) {
      this.#flows === undefined ? this.#setState(m.state) : this.#push({ type: "state", detail: m.state });
    } else if (m.dropped) {
      this.#push({ type: "dropped", detail: { stream, ...m.dropped } });
    } else if (m.ended) {
      this.#streams = this.#streams.filter((s) => s !== stream);
      this.#push({ type: "ended", detail: { stream, code: m.ended } });
      if (!this.#streams.length) this._end(new SeagateError(m.ended, "all streams have ended"));
    } else if (m.header) {
      const text = JSON.stringify(m.payload);
      if (this.#headers.get(stream) === text) return; // it comes with each subscription
      this.#headers.set(stream, text);
      this.#push({ message: this.#message(m), size });
    } else {
      if (at && m.epoch === at.epoch && m.seq < at.seq) return; // it was delivered before
      if (this.#tracks && m.seq) this.#at.set(stream, { seq: m.seq + 1, epoch: m.epoch });
      this.#push({ message: this.#message(m, conn), size });
      this.#holdIfFull();
    }
  }

  #message({ id, streamName: stream, payload, seq, time, epoch, redelivered = 0, header = false }, conn) {
    const message = { stream, payload, seq, time, epoch, redelivered, header };
    if (this.#options.ack === "explicit" && conn) {
      message.ack = () => this.#ack(conn, id, seq);
      message.nack = ({ reason, delay } = {}) => this.#confirm(conn, "nack", { subscription: id, seq, reason, delay: delay && delay / 1e3 });
    }
    return message;
  }

  // The acknowledgements of one turn of the event loop go together.
  #ack(conn, subscription, seq) {
    if (this.#acks?.conn !== conn || this.#acks.subscription !== subscription || this.#acks.seq.length >= 1e4) {
      const acks = (this.#acks = { conn, subscription, seq: [] });
      acks.done = new Promise((resolve) => queueMicrotask(resolve)).then(() => {
        if (this.#acks === acks) this.#acks = undefined;
        return this.#confirm(conn, "ack", { subscription, seq: acks.seq });
      });
      acks.done.catch(() => {}); // what is not acknowledged comes again
    }
    this.#acks.seq.push(seq);
    return this.#acks.done;
  }

  #confirm(conn, action, payload) {
    const done = new Promise((resolve, reject) => {
      if (conn.error) throw lost("the connection that brought the message has ended, so the message comes again");
      conn.send({ text: JSON.stringify({ action, payload }), resolve: () => resolve(), reject });
    });
    done.catch(() => {});
    return done;
  }

  #setState(state) {
    if (this.state?.registered === state.registered && this.state?.paused === state.paused) return;
    this.state = state;
    this._emit("state", state);
  }

  addEventListener(type, ...rest) {
    super.addEventListener(type, ...rest);
    if (type === "message" && !this.#flows) {
      this.#flows = true;
      queueMicrotask(() => this.#drain());
    }
  }

  #push(item) {
    item.size = (item.size ?? 0) + overhead;
    this.#items.push(item);
    this.#bytes += item.size;
    if (this.#flows) this.#drain();
    this.#notify();
  }

  // A WebSocket cannot refuse messages. So a subscription that is full leaves, and comes back
  // where it was.
  #holdIfFull() {
    if (this.#bytes <= this.#options.bufferBytes || !this._conn || this.#held || this.#options.ack === "explicit") return;
    this.#held = true;
    this._leave(true);
    this._emit("full", {});
  }

  // #shift takes the next message. What lies before it becomes events.
  #shift() {
    for (let item; (item = this.#items.shift()); ) {
      this.#bytes -= item.size;
      if (this.#held && this.#bytes <= this.#options.bufferBytes / 2) {
        this.#held = false;
        this._attach();
      }
      const { message, type, detail } = item;
      if (!message) {
        if (type === "gap" && this.#tracks) this.#yielded.set(detail.stream, { ...this.#yielded.get(detail.stream), seq: detail.to + 1 });
        if (type === "ended") this.#yielded.delete(detail.stream);
        type === "state" ? this.#setState(detail) : this._emit(type, detail);
        continue;
      }
      if (message.seq) this.#yielded.set(message.stream, { seq: message.seq + 1, epoch: message.epoch });
      return message;
    }
  }

  #drain() {
    for (let message; (message = this.#shift()); ) this._emit("message", message);
  }

  _end(error) {
    super._end(error);
    this.#notify();
  }

  #notify() {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  async next() {
    this.#flows ??= false;
    for (;;) {
      const value = this.#shift();
      if (value) return { value, done: false };
      if (this.over) {
        if (this.error && this.error.code !== "closed") throw this.error;
        return { value: undefined, done: true };
      }
      const other = this.#wake;
      await new Promise((resolve) => (this.#wake = () => (other?.(), resolve())));
    }
  }

  drain() {
    return this.close(true);
  }

  async return() {
    await this.close();
    this.#items = [];
    return { value: undefined, done: true };
  }
}

class Server extends Lasting {
  #calls = new Map(); // number -> AbortController

  constructor(client, service, procedures, { credit, sole, addresses }) {
    super(client);
    this._procedures = procedures;
    this._body = () => ({ action: "serve", payload: { service, procedures: Object.keys(procedures), credit, sole, addresses } });
  }

  _began() {
    this._served = true;
    this._emit("serving", {});
  }

  // A sole server may come back before the gateway knows that its connection is gone.
  _outlasts(error) {
    return this._served && error.code === "service_taken";
  }

  _detach(old) {
    super._detach(old);
    for (const call of this.#calls.values()) call.abort(lost("the connection ended"));
    this.#calls.clear();
  }

  async _take(m, _, conn) {
    if (m.cancelled) {
      this.#calls.get(m.call)?.abort(new SeagateError(m.cancelled, "nobody waits for the answer"));
      return;
    }
    const control = new AbortController();
    const send = (rest) => conn.error || conn.ask({ action: "answer", payload: { serve: m.id, call: m.call, ...rest } });
    const call = {
      procedure: m.procedure, caller: m.caller, signal: control.signal, isSignal: !!m.signal,
      timeout: m.timeout && m.timeout * 1e3,
      part: (result) => void send({ result: result ?? null, more: true }),
    };
    if (!m.signal) this.#calls.set(m.call, control);
    const failed = (error) => {
      this._emit("failed", { error, call });
      return { error: { code: "failed", message: "the procedure failed" } };
    };
    let answer;
    try {
      answer = { result: (await this._procedures[m.procedure](m.payload, call)) ?? null };
    } catch (error) {
      answer = error instanceof SeagateError ? { error: { code: error.code, message: error.message, details: error.details } } : failed(error);
    }
    if (this.#calls.get(m.call) === control) this.#calls.delete(m.call);
    if (m.signal || control.signal.aborted) return;
    try {
      send(answer);
    } catch (error) { // it is not JSON
      send(failed(error));
    }
  }
}

class Provider extends Lasting {
  requested = false;
  subscribers = 0;
  groups = 0;
  paused = false;

  constructor(client, stream) {
    super(client);
    this._body = () => ({ action: "provide", payload: stream });
  }

  #pausing = () => ({ action: "pause", payload: { provide: this._id, paused: this.paused } });

  _attach(conn) {
    super._attach(conn);
    if (this.paused) conn.ask(this.#pausing());
  }

  _take({ requested, subscribers, groups }) {
    Object.assign(this, { requested, subscribers, groups });
    this._emit("requested", { requested, subscribers, groups });
  }

  // It goes with the publishes, in their order.
  async pause(paused = true) {
    this.paused = paused;
    await this._client._enqueue({ again: true, body: this.#pausing });
  }
}

class Watch extends Lasting {
  servers = 0;

  constructor(client, service) {
    super(client);
    this._body = () => ({ action: "watch", payload: service });
  }

  _take({ servers }) {
    this.servers = servers;
    this._emit("servers", { servers });
  }
}
