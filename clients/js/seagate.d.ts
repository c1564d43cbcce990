/** A JSON value. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/**
 * Codes that the client makes itself. All others come from the gateway: see "Error codes" in
 * docs/protocol.md, or `seagate errors`.
 *
 * - `connection_lost`: the connection ended before the answer. Whether the request was done is
 *   not known. Publishes with a `messageId` and requests that may be repeated are not refused so:
 *   the client sends them again.
 * - `queue_full`: more requests wait for answers than `queueBytes` allows.
 * - `token_unavailable`: the function that gives the token failed. The client tries again.
 * - `closed`: the client was closed.
 */
export type ClientCode = "connection_lost" | "queue_full" | "token_unavailable" | "closed";

/** Why the gateway refused something, or why a connection or a subscription ended. */
export class SeagateError extends Error {
  /** In a procedure that is served, this constructor makes the error that the caller gets. */
  constructor(code: string, message: string, more?: { errors?: string[]; details?: unknown; close?: number; cause?: unknown });
  readonly code: ClientCode | (string & {});
  /** All problems with their places, if there can be several. They are in `message` too. */
  readonly errors: string[];
  /** What the server of a service added. */
  readonly details?: unknown;
  /** The close code, if a connection ended. */
  readonly close?: number;
  /** Whether the same request may succeed later without a correction. */
  readonly temporary: boolean;
}

export interface ClientOptions {
  clientId?: string;
  /** The client's secret. Never give a page one: give it a token. */
  clientSecret?: string | (() => string | Promise<string>);
  /**
   * A token (JWT), or a function that gets one. The function is asked before each connection,
   * some time before the token expires, and after it has expired. If it fails, the client asks
   * again. If it gives nothing, the client ends.
   */
  token?: string | (() => string | Promise<string>);
  /** With a token: the jail of the client. */
  jailId?: string;
  /** The class to use where there is no global WebSocket, as in Node 20: that of the package ws, for example. */
  WebSocket?: new (url: string) => any;
  /** How long connecting may take, in ms; 15,000 by default. */
  connectTimeout?: number;
  /** The client waits a random time up to this before it connects again, in ms; 1,000 by default. It doubles with each failure. */
  retryFirst?: number;
  /** The most that it waits, in ms; 30,000 by default. */
  retryMost?: number;
  /** After a silence of this many ms the client asks whether the gateway is there; 25,000 by default. */
  pingInterval?: number;
  /** How long the gateway then has to answer, in ms; 8,000 by default. */
  pingTimeout?: number;
  /** How much may wait for an answer, in bytes; 16 MiB by default. Beyond it requests are refused with `queue_full`. */
  queueBytes?: number;
  /** The size of the buffer of each subscription that does not set its own, in bytes; 1 MiB by default. */
  bufferBytes?: number;
  /** How long a publish is repeated, in ms; 100,000 by default. It must be less than the gateway's `streams.message_id_window`. */
  publishWindow?: number;
}

/** What `on` and `addEventListener` of an object know. The value is in `detail` of the event. */
interface Events<M> {
  /** Calls the listener with the detail of each event. The result removes it. */
  on<K extends keyof M & string>(type: K, listener: (detail: M[K]) => void): () => void;
  addEventListener<K extends keyof M & string>(
    type: K, listener: ((event: CustomEvent<M[K]>) => void) | null, options?: boolean | AddEventListenerOptions): void;
  removeEventListener<K extends keyof M & string>(
    type: K, listener: ((event: CustomEvent<M[K]>) => void) | null, options?: boolean | EventListenerOptions): void;
}

export interface ClientEvents {
  /** There is a connection. `renewed`: it has taken the place of one whose token was about to expire. */
  connect: { renewed: boolean };
  /** The connection has ended, or could not be made. The next attempt is `wait` ms away. */
  disconnect: { error: SeagateError; wait: number };
  /** The client has ended: because of `error`, or because it was closed. */
  close: { error?: Error };
}

export interface Published {
  /** The number of the message in its stream, or of the first of a batch. */
  seq: number;
  lastSeq: number;
  /** When the gateway accepted it, in RFC 3339. */
  time: string;
  epoch: string;
}

export interface PublishOptions {
  /**
   * Makes sure that the message is published once, however often it is sent. By default it is a
   * fresh UUID. `""` is none: then the message is not sent again when the connection ends.
   */
  messageId?: string;
  /** The header of the stream that holds behind the message. */
  header?: unknown;
}

export type Position = "latest" | "earliest" | number | Date | (string & {});

export interface SubscribeOptions {
  /** Where to begin: a message number, a time, `"earliest"`, or `"latest"`, which is the default. */
  from?: Position | { [stream: string]: number };
  /** The epoch of the number in `from`. With it, the subscription ends with `position_lost` when the stream has another one. */
  epoch?: string | { [stream: string]: string };
  /** The UUID of a group. Each message goes to one member. For one stream. */
  group?: string;
  /** Receive everything, whatever the gateway's setting `streams.ungrouped` is. */
  fanout?: boolean;
  /** With a group: a message counts as done when `ack` was called, not when it has arrived. */
  ack?: "explicit";
  /** How many messages without acknowledgement a member of a group has, from 1 to 1,024. */
  credit?: number;
  /** Tell the state of the stream. For one stream. */
  state?: boolean;
  /** A filter in FDSL, a tree of `{ t, e }`: only messages that pass it. For one stream and no group. */
  filter?: { t: string; e?: unknown };
  /** For several streams: how they are put in order. `wait` is in seconds. */
  sync?: { by?: string; priority?: { [stream: string]: number }; wait?: number };
  /** How much may wait for the iterator, in bytes. */
  bufferBytes?: number;
  /** Closes the subscription. */
  signal?: AbortSignal;
}

export interface Message<T = any> {
  stream: string;
  payload: T;
  /** The number in the stream. The header has none. */
  seq?: number;
  /** When the gateway accepted it, in RFC 3339. */
  time?: string;
  epoch?: string;
  /** How often it was delivered before to any member of the group. */
  redelivered: number;
  /** It is the header of the stream. */
  header: boolean;
}

/** A message of a subscription with `ack: "explicit"`. */
export interface ExplicitMessage<T = any> extends Message<T> {
  /** Acknowledges the message. Rejects if its connection has ended: then the message comes again. */
  ack(): Promise<void>;
  /** Gives the message back. `delay` is in ms. */
  nack(options?: { reason?: string; delay?: number }): Promise<void>;
}

export interface StreamState {
  /** Somebody provides the stream. */
  registered: boolean;
  paused: boolean;
}

interface LastingEvents {
  /** It has ended: with `error`, or because it was closed. */
  end: { error?: SeagateError };
  /** The gateway has refused it for now. The client tries again. */
  refused: { error: SeagateError };
}

/** Something that the client asks for again on each connection, until it is closed or refused. */
interface Lasting<M extends LastingEvents> extends Omit<EventTarget, "addEventListener" | "removeEventListener">, Events<M> {
  /** Resolves when the gateway has accepted it, and rejects when it ends before. */
  readonly ready: Promise<this>;
  /** Whether it has ended. */
  readonly over?: boolean;
  readonly error?: SeagateError;
  close(): Promise<void>;
}

export interface SubscriptionEvents<T = any> extends LastingEvents {
  /**
   * A message. With a listener, messages come as they arrive, and there is no buffer. Without,
   * they wait for the iterator.
   */
  message: Message<T>;
  /** The stream no longer has these messages: they are lost to this subscription. */
  gap: { stream: string; from: number; to: number };
  /**
   * The subscription has begun, again with each connection. `resumed`: it goes on behind the last
   * message. `restarted`: the stream is another one than before, and the subscription has begun
   * with its oldest message. `waiting`: nobody has defined the stream yet.
   */
  subscribed: { resumed: boolean; restarted: boolean; waiting: boolean };
  /** In order with the messages, once somebody takes them. */
  state: StreamState;
  /** The buffer is full. The messages that follow stay in the gateway until it is half empty. */
  full: {};
  /** With several streams: messages that came too late or have no timestamp. */
  dropped: { stream: string; late: number; untimed: number };
  /** With several streams: this one is no longer among them. */
  ended: { stream: string; code: string };
}

/**
 * The messages of a stream, as an async iterator or as events.
 *
 * When the connection ends, it goes on with the next one, behind the last message that has
 * arrived: nothing that the stream keeps is missed, and nothing comes twice. A group delivers
 * at least once instead: what is not acknowledged when a connection breaks comes again. When a new
 * token takes the place of an old one, nothing does.
 *
 * While the buffer of the iterator is full, the subscription leaves the stream and comes back
 * later. So a slow reader misses nothing that the stream keeps.
 */
export interface Subscription<T = any, M extends Message<T> = Message<T>> extends Lasting<SubscriptionEvents<T>>, AsyncIterableIterator<M> {
  readonly stream: string | string[];
  /** With the option `state`. */
  readonly state?: StreamState;
  /** What to give to `subscribe` later to go on behind the last message that was taken. */
  readonly position?: { from: number; epoch?: string } | { from: { [stream: string]: number }; epoch: { [stream: string]: string } };
  next(): Promise<IteratorResult<M, undefined>>;
  /** Ends it. The iterator still gives what has arrived. A group hands what is not acknowledged to other members. */
  close(): Promise<void>;
  /**
   * Ends it without a repetition for the other members of its group: nothing new comes, and it
   * ends once everything that has come is acknowledged, given back or too late, or its connection
   * breaks. Meanwhile the iterator goes on. `close` cuts this short. Without a group it is `close`.
   */
  drain(): Promise<void>;
}

export interface Call {
  procedure: string;
  caller: { clientId: string; address?: string };
  /** It is a signal: nobody gets the result. */
  isSignal: boolean;
  /** How long the caller waits, in ms. */
  timeout?: number;
  /** Aborts when nobody waits for the answer any more. */
  signal: AbortSignal;
  /** Sends a part of the answer. */
  part(result: unknown): void;
}

/**
 * Returns the result. What it throws becomes the caller's error: a SeagateError with its code and
 * message, anything else with the code `failed` and no more.
 */
export type Procedure = (body: any, call: Call) => unknown;

interface ServerEvents extends LastingEvents {
  /** The gateway knows the server, again with each connection. */
  serving: {};
  /** A procedure threw something that is no SeagateError. */
  failed: { error: unknown; call: Call };
}
export interface Server extends Lasting<ServerEvents> {}

interface Demand {
  /** Whether anybody wants the messages. */
  requested: boolean;
  subscribers: number;
  groups: number;
}
interface ProviderEvents extends LastingEvents {
  requested: Demand;
}
export interface Provider extends Lasting<ProviderEvents>, Demand {
  readonly paused: boolean;
  /** Tells subscribers that the provider pauses, in order with what the client publishes. */
  pause(paused?: boolean): Promise<void>;
}

interface WatchEvents extends LastingEvents {
  servers: { servers: number };
}
export interface Watch extends Lasting<WatchEvents> {
  readonly servers: number;
}

/**
 * A client of a gateway. It connects at once, and again whenever the connection ends, until it is
 * closed or its credentials are refused. Requests may be made at any time: they wait for a
 * connection. They are sent in their order, without waiting for answers. Once it has ended, requests reject with
 * `closed`, and `subscribe`, `serve`, `provide` and `watch` throw that.
 */
export interface Client extends Omit<EventTarget, "addEventListener" | "removeEventListener">, Events<ClientEvents> {}
export class Client {
  constructor(url?: string | URL, options?: ClientOptions);
  readonly status: "connecting" | "connected" | "waiting" | "closed";
  /** The jail of the client, once it was connected. */
  readonly jailId?: string;
  /** Why it has ended. */
  readonly error?: Error;
  /** Resolves when there is a connection, and rejects when the client has ended. */
  readonly ready: Promise<void>;

  /** Publishes a message. It resolves once the message is as durable as its stream promises. */
  publish(stream: string, payload: unknown, options?: PublishOptions): Promise<Published>;
  /** Publishes all messages, one after the other, or none. */
  publishAll(stream: string, payloads: unknown[], options?: PublishOptions): Promise<Published>;

  subscribe<T = any>(stream: string | string[], options: SubscribeOptions & { ack: "explicit" }): Subscription<T, ExplicitMessage<T>>;
  subscribe<T = any>(stream: string | string[], options?: SubscribeOptions): Subscription<T>;

  /**
   * Calls a procedure of a service. `timeout` is in ms, 30,000 by default. The call is made once:
   * when the connection ends, it fails with `connection_lost`.
   */
  fetch<T = any>(service: string, procedure: string, body?: unknown,
    options?: { timeout?: number; signal?: AbortSignal; onPart?: (part: any) => void }): Promise<T>;
  /** Sends a signal to one server, or to all, and returns how many it has reached. */
  signal(service: string, procedure: string, body?: unknown, options?: { all?: boolean }): Promise<number>;
  /** Serves procedures. `credit` is how many calls may be under way; 16 by default. */
  serve(service: string, procedures: { [name: string]: Procedure }, options?: { credit?: number; sole?: boolean; addresses?: boolean }): Server;
  /** Provides a stream: says that messages come, and learns whether anybody wants them. */
  provide(stream: string): Provider;
  /** Tells how many servers a service has. */
  watch(service: string): Watch;

  define(stream: string, definition: object): Promise<object>;
  describe(stream: string): Promise<object>;
  /** Any other request of the protocol. It returns the answer. */
  request(action: string, members?: object): Promise<any>;

  /** Connects at once if the client waits, and otherwise asks whether the gateway is there. Pages that wake, and browsers that are online again, do so by themselves. */
  wake(): void;
  /** Waits until all requests are answered, for `timeout` ms at most (3,000 by default), and ends the client. */
  close(options?: { timeout?: number }): Promise<void>;
}

/**
 * Makes a client. The URL is that of the gateway, with http, https, ws or wss. Without one it is the gateway that
 * has served this module.
 */
export function connect(url?: string | URL, options?: ClientOptions): Client;
