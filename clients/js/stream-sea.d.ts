/** The API of the stream-sea JavaScript client. */

export interface Remote {
  remoteServerHost: string;
  remoteServerPort: string | number;
  secure: boolean;
  clientId: string;
}
export interface Stream {
  stream: string;
}

export declare const FieldType: {
  readonly STRING: "string"; readonly FLOAT: "float"; readonly INTEGER: "integer"; readonly DATE: "date";
  readonly ENUM: "enum"; readonly OBJECT: "object"; readonly STRING_ARRAY: "array<string>";
  readonly FLOAT_ARRAY: "array<float>"; readonly INTEGER_ARRAY: "array<integer>";
  readonly DATE_ARRAY: "array<date>"; readonly OBJECT_ARRAY: "array<object>";
};
export type FieldType = (typeof FieldType)[keyof typeof FieldType];

export interface SchemaField {
  name: string;
  type: FieldType;
  enum?: string[];
  fields?: SchemaField[];
}
export interface SchemaDefinition {
  name: string;
  version: number;
  fields: SchemaField[];
}

declare class EventEmitter {
  on(type: string, listener: (...values: any[]) => void): this;
  addListener(type: string, listener: (...values: any[]) => void): this;
  once(type: string, listener: (...values: any[]) => void): this;
  off(type: string, listener: (...values: any[]) => void): this;
  removeListener(type: string, listener: (...values: any[]) => void): this;
  removeAllListeners(type?: string): this;
  listenerCount(type: string): number;
  emit(type: string, ...values: any[]): boolean;
}

/** Emits `message` with each payload. Over reconnects nothing that the stream keeps is missed. */
export declare class StreamSeaSubscription extends EventEmitter {
  constructor(streamName: string);
  streamName: string;
}

export type CredentialOptions =
  | { type: "basic"; clientId: string; clientSecret: string }
  | { type: "jwt"; clientId: string; jwt: string };

export interface StreamSeaClientOptions {
  remoteServerHost: string;
  remoteServerPort: string | number;
  secure: boolean;
  credentialOptions: CredentialOptions;
  fanout?: boolean;
  /** Beyond the original: the WebSocket to use where there is no global one. */
  WebSocket?: new (url: string) => WebSocket;
}

/** Emits `error` with `{type, error}` when its credentials are refused. */
export declare class StreamSeaClient extends EventEmitter {
  constructor(options: StreamSeaClientOptions);
  addSubscription(subscription: StreamSeaSubscription): void;
  setCredentialOptions(credentialOptions: CredentialOptions): void;
  destroy(): void;
}
export declare const getStreamSeaClient: (options: StreamSeaClientOptions) => StreamSeaClient;

type Authenticated = Remote & { clientSecret: string };
type Subscribing = Remote & Stream & { fanout?: boolean; WebSocket?: new (url: string) => WebSocket };

export declare const subscribe: (args: Subscribing & { clientSecret: string }) => Promise<StreamSeaSubscription>;
export declare const subscribeWithJwt: (args: Subscribing & { jwt: string }) => Promise<StreamSeaSubscription>;
export declare const publish: (args: Authenticated & Stream & { payload: any }) => Promise<any>;
export declare const defineStream: (args: Authenticated & Stream & Omit<SchemaDefinition, "name"> & { name?: string }) => Promise<any>;
export declare const describeStream: (args: Authenticated & Stream) => Promise<SchemaDefinition>;
export declare const getSchemaVersionsVector: (args: Authenticated & { schemaNames: string[] }) => Promise<(number | string | null)[]>;
export declare const createClient: (args: Authenticated & { targetClientId: string; targetClientDescription: string }) => Promise<any>;
export declare const deleteClient: (args: Authenticated & { targetClientId: string }) => Promise<any>;
export declare const rotateClientSecret: (args: Authenticated) => Promise<any>;
export declare const rotateClientJwtPublicKey: (args: Authenticated & { jwtPublicKey: string | null }) => Promise<any>;
