// The native half as lib/ sees it. Private: nothing here is exported by the package.
import type { Item, ClientEvent, LogRecord, NodeStatus, ParsedUrl, Reply, Status } from './index';

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
  submit(args: (string | Uint8Array)[], timeout: number | undefined, tag: number): void;
  submitConnected(tag: number): void;
  submitSubscriptionReady(subscription: NativeSubscription, timeout: number | undefined, tag: number): void;
  cancel(tag: number): RawError | null;
  /** tag, failed, reply or error; and so on. */
  take(max: number): (number | boolean | Reply | RawError)[];
  subscribe(names: (string | Uint8Array)[], patterns: boolean, options: object, buffers: boolean): NativeSubscription;
  events(): NativeEvents;
  status(): Status;
  nodes(): NodeStatus[];
  close(): void;
}

export class NativeSubscription {
  take(max: number): Item<string | Buffer>[];
  close(): void;
}

export class NativeEvents {
  take(max: number): ClientEvent[];
}

export class NativeLogs {
  take(max: number): LogRecord[];
  close(): void;
}

export function openLogs(level: string, wake: () => void, makers: Makers): NativeLogs;
export function open(url: string, options: object, wake: () => void, makers: Makers): NativeClient;
export function parseUrl(url: string, options: object, makers: Makers): ParsedUrl;
export function errorTable(): { code: number; name: string; category: string; retry: string }[];
export function debugPanic(makers: Makers): void;
export function version(): string;
