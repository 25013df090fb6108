// The public API's types, written by hand and checked by test/types.test-d.ts.
/// <reference types="node" />
import type { Commands } from './commands';

export type { Commands, Integer, Many, Numeric, Pairs, Text } from './commands';

/** What may be sent: numbers are sent as JavaScript writes them. */
export type Argument = string | number | bigint | Uint8Array;

/**
 * What comes back: strings (`Buffer`s with `buffers: true`), numbers (`bigint` beyond 2^53), `null`, booleans, arrays; RESP3 maps and
 * sets as `Map` and `Set`, in the server's order. An error inside an array (as EXEC gives it) is a `StandfastError` in its place.
 */
export type Reply<Text = string> =
  | Text
  | string
  | number
  | bigint
  | boolean
  | null
  | StandfastError
  | Reply<Text>[]
  | Map<Reply<Text>, Reply<Text>>
  | Set<Reply<Text>>;

/** A point in time: milliseconds since 1970-01-01 UTC as `Date.now()` counts them; the fraction keeps the microseconds. */
export type UnixMillis = number;

export interface ConnectOptions {
  /** Gives up connecting. The client itself is closed by `close()`. */
  signal?: AbortSignal;
  /** Whether `connect` waits for the first master. */
  connect?: 'wait' | 'background';
  connectDeadline?: number;
  connectTimeout?: number;
  sentinelTimeout?: number;
  commandTimeout?: number;
  blockingGrace?: number;
  /** Whether a command waits while there is no master, or fails with NotReady. */
  whenUnavailable?: 'wait' | 'fail';
  protocol?: 'auto' | '2' | '3' | 2 | 3;
  maxPending?: number;
  maxPendingBytes?: number;
  poolSize?: number;
  poolIdle?: number;
  subscriptionItems?: number;
  subscriptionBytes?: number;
  overflow?: Overflow;
  eagerSwitch?: boolean;
  fence?: boolean;
  fenceTimeout?: number;
  pollInterval?: number;
  heartbeatInterval?: number;
  heartbeatTimeout?: number;
  tcpKeepaliveIdle?: number;
  tcpKeepaliveInterval?: number;
  tcpKeepaliveProbes?: number;
  tcpUserTimeout?: number;
  retryBackoffBase?: number;
  retryBackoffCap?: number;
  maxReplyBytes?: number;
  maxReplyDepth?: number;
  clientName?: string;
  username?: string;
  password?: string;
  sentinelUsername?: string;
  sentinelPassword?: string;
  sentinelAuth?: 'same';
  db?: number;
  tls?: 'none';
}

export type Overflow = 'drop_oldest' | 'drop_newest' | 'close';

export interface CommandOptions<Buffers extends boolean = boolean> {
  /** Milliseconds, or Infinity; without it `commandTimeout` holds. */
  timeout?: number;
  /** Strings in the reply become Buffers. Without it, bytes that are not UTF-8 become U+FFFD. */
  buffers?: Buffers;
  signal?: AbortSignal;
}

export interface SubscribeOptions<Buffers extends boolean = boolean> {
  /** Items that the queue holds. */
  items?: number;
  /** Bytes that the queue holds. */
  bytes?: number;
  /** What a full queue does. */
  overflow?: Overflow;
  /** Channel, pattern and payload are Buffers. */
  buffers?: Buffers;
}

export interface WaitOptions {
  signal?: AbortSignal;
}

/** Messages published between `since` and `until` may be missing. */
export interface Gap {
  type: 'gap';
  since: UnixMillis;
  until: UnixMillis;
  reason: string;
  oldMaster: string | null;
  newMaster: string | null;
  generation: number;
}

export interface Message<Text = string> {
  type: 'message';
  channel: Text;
  /** The pattern that matched, for pattern subscriptions. */
  pattern: Text | null;
  payload: Text;
  /** The gap that came just before it, if one did. */
  gapBefore: Gap | null;
  generation: number;
  receivedAt: UnixMillis;
}

/** Messages that a full queue forgot. */
export interface Dropped {
  type: 'dropped';
  count: number;
  bytes: number;
}

export type Item<Text = string> = Message<Text> | Gap | Dropped;

/** Iterating gives the messages and waits for more; leaving the loop closes the subscription. */
export class Subscription<Text = string> implements AsyncIterable<Message<Text>> {
  private constructor();
  /** Fulfilled when the server has confirmed every channel. Without a time-out it waits for ever. */
  ready(timeout?: number, options?: WaitOptions): Promise<void>;
  /**
   * The next item; `undefined` when the time-out (milliseconds; 0 looks only) passes first. Rejected with EndOfStream when the
   * subscription was closed and everything was read.
   */
  next(timeout?: number, options?: WaitOptions): Promise<Item<Text> | undefined>;
  /** Everything in order: messages, gaps and counts of what was dropped. */
  items(): AsyncIterableIterator<Item<Text>>;
  [Symbol.asyncIterator](): AsyncIterableIterator<Message<Text>>;
  readonly closed: boolean;
  /** End it. What is queued can still be read. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export type EventKind =
  | 'connecting'
  | 'ready'
  | 'not_ready'
  | 'link_lost'
  | 'link_restored'
  | 'failover_started'
  | 'fenced'
  | 'unfenced'
  | 'master_switched'
  | 'switch_confirmed'
  | 'switch_corrected'
  | 'switch_report'
  | 'epoch_reset'
  | 'sentinel_up'
  | 'sentinel_down'
  | 'sentinel_added'
  | 'tilt'
  | 'subscription_ready'
  | 'subscription_gap'
  | 'subscription_dropped'
  | 'write_probe'
  | 'queue_full'
  | 'auth_failed'
  | 'closed';

export interface ClientEvent {
  /** Counts up by one; a jump means that the reader was too slow. */
  seq: number;
  at: UnixMillis;
  kind: EventKind;
  generation: number;
  epoch: number | null;
  /** What else there is to say, by kind. */
  [detail: string]: unknown;
}

export interface NodeStatus {
  address: string;
  role: string;
  /** Whether it is the master that this client uses. */
  used: boolean;
  opinions: { sentinel: string; role: string; flags: string; epoch: number | null; link: string | null }[];
}

export interface Status {
  state: 'connecting' | 'ready' | 'fenced' | 'no_master' | 'closed';
  master: string | null;
  generation: number;
  epoch: number | null;
  confirmedBy: string[];
  since: UnixMillis | null;
  nodes: NodeStatus[];
  sentinels: {
    address: string;
    state: string;
    master: string | null;
    epoch: number | null;
    answeredAt: UnixMillis | null;
    error: string | null;
    tilt: boolean;
  }[];
  links: { kind: string; address: string; generation: number }[];
  minority: string;
  pending: number;
  counters: Record<string, number>;
}

/** And a method for each command: see commands.d.ts. */
export interface Client extends Commands {}

export class Client {
  private constructor();
  /** Any command, name first. */
  execute(...args: Argument[]): Promise<Reply>;
  /** Any command, with options. */
  command(args: readonly Argument[], options: CommandOptions & { buffers: true }): Promise<Reply<Buffer>>;
  command(args: readonly Argument[], options?: CommandOptions<false>): Promise<Reply>;
  /** Returns at once; the server's confirmation is `ready()`. */
  subscribe(channels: Argument | readonly Argument[], options: SubscribeOptions & { buffers: true }): Subscription<Buffer>;
  subscribe(channels: Argument | readonly Argument[], options?: SubscribeOptions<false>): Subscription;
  psubscribe(patterns: Argument | readonly Argument[], options: SubscribeOptions & { buffers: true }): Subscription<Buffer>;
  psubscribe(patterns: Argument | readonly Argument[], options?: SubscribeOptions<false>): Subscription;
  /** From the oldest event that is remembered to `closed`. Waiting for events does not keep the process alive. */
  events(): AsyncIterableIterator<ClientEvent>;
  status(): Status;
  nodes(): NodeStatus[];
  readonly closed: boolean;
  /** What is pending ends with an error; fulfilled when all of it has. */
  close(): Promise<void>;
  /** What waits for this client keeps the process alive: the default. */
  ref(): this;
  /** Nothing of this client keeps the process alive, not even a command that waits for its reply. */
  unref(): this;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A client with a verified master, or a StandfastError within `connectDeadline`. Durations are milliseconds. */
export function connect(url: string, options?: ConnectOptions): Promise<Client>;

/** The numbers by their names. */
export const ErrorCode: {
  readonly NullArgument: 101;
  readonly InvalidArgument: 102;
  readonly InvalidHandle: 103;
  readonly Closed: 104;
  readonly WouldDeadlock: 105;
  readonly Forked: 106;
  readonly InvalidUrl: 201;
  readonly InvalidOption: 202;
  readonly UnknownOption: 203;
  readonly SentinelsUnreachable: 301;
  readonly UnknownMaster: 302;
  readonly NotASentinel: 303;
  readonly NotMaster: 304;
  readonly NoReplica: 305;
  readonly NoQuorum: 306;
  readonly NotReady: 307;
  readonly ConnectFailed: 401;
  readonly Timeout: 402;
  readonly Disconnected: 403;
  readonly MaybeExecuted: 404;
  readonly TlsFailed: 405;
  readonly QueueFull: 406;
  readonly NotReplicated: 407;
  readonly Cancelled: 408;
  readonly Protocol: 409;
  readonly MasterAuthRequired: 501;
  readonly MasterAuthFailed: 502;
  readonly SentinelAuthRequired: 503;
  readonly SentinelAuthFailed: 504;
  readonly AuthNotExpected: 505;
  readonly NoPermission: 506;
  readonly ReplyError: 507;
  readonly TransactionAborted: 508;
  readonly Unavailable: 509;
  readonly SubscribeFailed: 601;
  readonly Overflow: 602;
  readonly EndOfStream: 603;
  readonly LockNotHeld: 604;
  readonly Panic: 901;
  readonly Internal: 902;
};

export type ErrorName = keyof typeof ErrorCode;
export type ErrorCategory = 'usage' | 'configuration' | 'discovery' | 'network' | 'server' | 'subscription' | 'internal';

/** Whether, and when, the same call may be made again. */
export type Retry = 'never' | 'now' | 'later' | 'if_idempotent';

/** What one sentinel or node contributed to a failure. */
export interface Cause {
  address: string;
  resolved: string | null;
  step: string;
  code: number;
  name: ErrorName;
  message: string;
}

export class StandfastError extends Error {
  private constructor();
  readonly name: ErrorName;
  readonly code: (typeof ErrorCode)[ErrorName];
  readonly category: ErrorCategory;
  readonly retry: Retry;
  readonly causes: readonly Cause[];
  /** For Timeout and MaybeExecuted: where it happened. */
  readonly phase?: string;
  /** For errors that the server gave: its code word, such as WRONGTYPE. */
  readonly serverCode?: string;
  /** For errors that the server gave: its text. */
  readonly serverText?: string;
}

/** The version of this package and of the core inside it. */
export const version: string;
