// The native half as lib/ sees it. Private: nothing here is exported by the package.
import type { Item, ClientEvent, Finding, LogRecord, NodeStatus, ParsedUrl, Reply, Status } from './index';

export interface Makers {
  error(raw: RawError): Error;
  map(flat: unknown[]): Map<unknown, unknown>;
  set(items: unknown[]): Set<unknown>;
  bigint(digits: string): bigint;
}

export interface RawError {
  name: string;
  message: string;
  retry?: string;
  causes?: object[];
  phase?: string;
  serverCode?: string;
  serverText?: string;
}

export class NativeClient {
  readonly closed: boolean;
  /** Whether the event loop watches the queue; if not, `wake` calls `turn`, and `flush` is called where `send` gave true. */
  readonly watched: boolean;
  /** Sends commands. */
  sender(): Send;
  turn(): boolean;
  flush(): void;
  submitIdempotent(args: (string | Uint8Array)[], timeout: number | undefined, tag: number): boolean;
  /** Several commands together; true as for `Send`. */
  submitUnit(commands: (string | Uint8Array)[][], transaction: boolean, timeout: number | undefined, idempotent: boolean, tag: number): boolean;
  watch(keys: (string | Uint8Array)[], timeout: number | undefined, attempts: number | undefined): NativeWatched;
  submitWatchBegin(watched: NativeWatched, tag: number): void;
  submitWatchCommand(watched: NativeWatched, args: (string | Uint8Array)[], tag: number): void;
  submitWatchCommit(watched: NativeWatched, commands: (string | Uint8Array)[][], tag: number): void;
  submitConnected(tag: number): void;
  submitSubscriptionReady(subscription: NativeSubscription, timeout: number | undefined, tag: number): void;
  submitDrain(timeout: number | undefined, tag: number): void;
  cancel(tag: number): RawError | null;
  subscribe(names: (string | Uint8Array)[], patterns: boolean, options: object, buffers: boolean): NativeSubscription;
  events(): NativeEvents;
  status(): Status;
  nodes(): NodeStatus[];
  examine(): NativeExamination;
  close(): void;
  /** Lets go of the event loop. Nothing is settled any more. */
  stop(): void;
}

/**
 * Nothing; true when `flush` is to be called at the end of this turn of the event loop; or the number of a word that is no text,
 * no whole number and no bytes: then nothing was sent.
 */
type Send = (tag: number, timeout: number | undefined, ...words: unknown[]) => undefined | true | number;

/** Called with replies and errors; `tags` says in the same order what they belong to, negative for errors. */
interface Settle {
  (...answers: (Reply | RawError)[]): void;
  tags: Float64Array;
}

export class NativeWatched {
  readonly lost: boolean;
}

export class NativeExamination {
  run(): Promise<void>;
  take(): Finding[];
}

export class NativeSubscription {
  take(max: number): Item<string | Buffer>[];
  close(): void;
}

export class NativeLock {
  status(): { state: string; timeLeft: number; fenceEpoch: number | null; fenceCounter: number | null; key: string; token: string };
  take(max: number): { state: string; why: string }[];
}

export class NativeScan {}

export class NativeNode {
  status(): { address: string; role: string };
}

export function lock(
  client: NativeClient, key: string | Uint8Array, token: string | Uint8Array | undefined, ttl: number, automatic: boolean,
): NativeLock;
export function submitLock(
  client: NativeClient, lock: NativeLock, what: string, milliseconds: number | undefined, tag: number,
): void;
export function scan(client: NativeClient, words: (string | Uint8Array)[]): NativeScan;
export function submitScan(client: NativeClient, scan: NativeScan, tag: number): void;
export function submitRead(
  client: NativeClient, args: (string | Uint8Array)[], timeout: number | undefined, readFrom: string, tag: number,
): void;
export function node(client: NativeClient, address: string, sentinel: boolean): NativeNode;
export function submitNode(
  client: NativeClient, node: NativeNode, args: (string | Uint8Array)[], timeout: number | undefined, tag: number,
): void;

export class NativeEvents {
  take(max: number): ClientEvent[];
}

export class NativeLogs {
  take(max: number): LogRecord[];
  close(): void;
}

export function openLogs(level: string, wake: () => void, makers: Makers): NativeLogs;
export function open(url: string, options: object, wake: () => void, settle: Settle, polls: boolean, makers: Makers): NativeClient;
export function parseUrl(url: string, options: object, makers: Makers): ParsedUrl;
export function errorTable(): { code: number; name: string; category: string; retry: string }[];
export function debugWatches(): number;
export function debugPanic(makers: Makers): void;
export function version(): string;
