// A connection to the WebSocket of the API, for live tails, and for bearers of tokens, who
// have nothing else.
import { titles } from "./advice.js";
import { base, Problem, valueEnd } from "./api.js";

/** Milliseconds between two looks whether the gateway is there, and for which an answer is waited for. A page sees no pings. */
const interval = 20_000;

/** The end of a connection, from the close frame. @param {CloseEvent} event */
function ending(event) {
  const [code, ...text] = event.reason.split(": ");
  if (/^[a-z_]+$/.test(code)) return new Problem({ code, title: "The connection ended", detail: text.join(": ") || code.replaceAll("_", " ") });
  return new Problem({ code: "unreachable", title: "The connection ended", detail: "The connection to the gateway broke. It may be restarting." });
}

export class Socket {
  #socket;
  #lastId = 0;
  #answers = new Map(); // id of a request -> its promise, as [resolve, reject]
  #deliveries = new Map(); // id of a subscribe -> the function that takes what comes
  #heard = false; // since the last look
  #asked = false; // whether it is there
  #looks = 0;
  /** Called once when the connection ends, unless close was called. @type {((problem: Problem) => void) | null} */
  onEnd = null;

  /**
   * Connects and authenticates.
   * @param {import("./session.js").Session} who
   * @returns {Promise<Socket>}
   */
  static async open(who) {
    const socket = new Socket();
    await socket.#connect();
    socket.hello = (await socket.request("authenticate", { payload: who.credentials })).payload;
    return socket;
  }

  #connect() {
    this.#socket = new WebSocket(base.replace(/^http/, "ws") + "/streams");
    return new Promise((resolve, reject) => {
      this.#looks = setInterval(() => this.#look(), interval);
      this.#socket.onopen = () => resolve(undefined);
      this.#socket.onmessage = (event) => this.#receive(event.data);
      this.#socket.onclose = (event) => {
        clearInterval(this.#looks);
        const problem = ending(event);
        reject(problem);
        for (const [, fail] of this.#answers.values()) fail(problem);
        this.#answers.clear();
        this.onEnd?.(problem);
        this.onEnd = null;
      };
    });
  }

  /** Ends a connection that does not open, or is silent after it was asked. A network can be gone without a word. */
  #look() {
    const silent = !this.#heard;
    this.#heard = false;
    if (!silent) this.#asked = false;
    else if (!this.#asked && this.#socket.readyState === WebSocket.OPEN) {
      this.#asked = true;
      this.request("ping", {}).catch(() => {});
    } else this.#end();
  }

  /** Ends the connection without waiting for the other side. */
  #end() {
    const socket = this.#socket, ended = socket.onclose;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
    ended.call(socket, new CloseEvent("close", { code: 1006 }));
  }

  #receive(text) {
    this.#heard = true;
    const message = JSON.parse(text);
    if (message.success === undefined) return this.#deliveries.get(message.id)?.(message, text);
    const waiting = this.#answers.get(message.id);
    if (!waiting) return this.#deliveries.get(message.id)?.(message, text); // the end of a subscription
    this.#answers.delete(message.id);
    if (message.success) waiting[0](message);
    else {
      this.#deliveries.delete(message.id);
      waiting[1](new Problem({ ...message.error, title: titles[message.error.code] ?? "The gateway refused", detail: message.error.message }));
    }
  }

  /**
   * Sends a request and returns its answer. onDelivery gets what comes under its id later.
   * @param {string} action @param {Object<string, any>} keys
   * @param {(message: any, text: string) => void} [onDelivery]
   */
  request(action, keys, onDelivery) {
    const id = ++this.#lastId;
    if (onDelivery) this.#deliveries.set(id, onDelivery);
    const answer = new Promise((resolve, reject) => this.#answers.set(id, [resolve, reject]));
    if (keys.raw === undefined) this.#socket.send(JSON.stringify({ id, action, ...keys }));
    else this.#socket.send(`{"id":${id},"action":${JSON.stringify(action)},"streamName":${JSON.stringify(keys.streamName)},"payload":${keys.raw}${keys.messageId ? `,"messageId":${JSON.stringify(keys.messageId)}` : ""}}`);
    return answer;
  }

  close() {
    this.onEnd = null;
    this.#deliveries.clear();
    clearInterval(this.#looks);
    this.#socket.close();
  }
}

/** Returns the text of the payload of a delivery, as it was published. @param {string} text */
export function payloadText(text) {
  const at = text.indexOf('"payload":');
  return at < 0 ? "" : text.slice(at + 10, valueEnd(text, at + 10));
}
