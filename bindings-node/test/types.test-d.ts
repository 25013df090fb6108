// How the types are used, and how they must not be: compiled, never run. Each @ts-expect-error is a test that fails when the
// line below it compiles.
import { Client, ErrorCode, StandfastError, Subscription, connect, logs, version } from 'standfast';
import type { ClientEvent, ConnectOptions, ErrorName, Gap, Item, LogLevel, LogRecord, Message, Opinion, Reply, Status, SwitchReport } from 'standfast';

/** Fails to compile unless both types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Same<A, B>): void {}

async function uses(url: string): Promise<void> {
  const options: ConnectOptions = { commandTimeout: 250, overflow: 'drop_oldest', eagerSwitch: false, signal: AbortSignal.timeout(5) };
  const client = await connect(url, options);
  same<typeof client, Client>(true);

  same<Awaited<ReturnType<typeof client.execute>>, Reply>(true);
  await client.execute('HSET', 'h', 'f', 1, 2n, Buffer.from('x'), new Uint8Array(2));
  const text = await client.get('k');
  same<typeof text, string | null>(true);
  const bytes = await client.get('k', { buffers: true, timeout: Infinity });
  same<typeof bytes, Buffer | null>(true);
  const reply = await client.command(['HGETALL', 'h'], { buffers: true });
  same<typeof reply, Reply<Buffer>>(true);
  if (reply instanceof Map) for (const [key, value] of reply) void [key, value];
  const set = await client.set('k', 'v', { EX: 60, NX: true });
  same<typeof set, string | null>(true);
  const receivers = await client.publish('news', 'x');
  same<typeof receivers, number>(true);

  const news = client.subscribe(['news', 'more'], { items: 100 });
  same<typeof news, Subscription<string>>(true);
  await news.ready(5_000);
  for await (const message of news) {
    same<typeof message, Message<string>>(true);
    same<typeof message.gapBefore, Gap | null>(true);
  }
  for await (const item of client.psubscribe('n.*', { buffers: true }).items()) {
    same<typeof item, Item<Buffer>>(true);
    if (item.type === 'message') same<typeof item.payload, Buffer>(true);
    else if (item.type === 'gap') same<typeof item.oldMaster, string | null>(true);
    else same<typeof item.count, number>(true);
  }
  const item = await news.next(100, { signal: new AbortController().signal });
  same<typeof item, Item<string> | undefined>(true);

  for await (const event of client.events()) {
    same<typeof event, ClientEvent>(true);
    if (event.kind === 'master_switched') void event['newMaster'];
    if (event.kind === 'switch_report') {
      same<typeof event, SwitchReport>(true);
      same<typeof event.bytesAtRisk, number | null>(true);
      same<typeof event.heldFor, number | null>(true);
    }
  }
  for await (const record of logs('debug')) {
    same<typeof record, LogRecord>(true);
    same<typeof record.level, LogLevel>(true);
  }
  // @ts-expect-error there is no such level
  logs('loud');
  const status: Status = client.status();
  same<typeof status.state, 'connecting' | 'ready' | 'fenced' | 'no_master' | 'closed'>(true);
  same<typeof status.counters.maybe_executed, number>(true);
  same<(typeof status.nodes)[number]['opinions'], Opinion[]>(true);
  // @ts-expect-error there is no such counter
  void status.counters.explosions;
  client.unref().ref();
  await using disposable = client;
  void disposable;
  await client.close();

  try {
    await client.get('k');
  } catch (error) {
    if (error instanceof StandfastError) {
      same<typeof error.name, ErrorName>(true);
      if (error.code === ErrorCode.UnknownMaster || error.retry === 'if_idempotent') void error.causes[0]?.address;
      // @ts-expect-error there is no such name
      if (error.name === 'UnknownMistress') return;
      // @ts-expect-error an error is not to be changed
      error.code = 1;
    }
  }
  void version.length;

  // @ts-expect-error a client is made by connect()
  new Client();
  // @ts-expect-error nobody makes errors but the client
  new StandfastError();
  // @ts-expect-error undefined is no argument
  await client.execute('GET', undefined);
  // @ts-expect-error an object is no argument
  await client.execute('GET', {});
  // @ts-expect-error there is no such option
  await connect(url, { comandTimeout: 5 });
  // @ts-expect-error there is no such policy
  await connect(url, { overflow: 'explode' });
  // @ts-expect-error the time-out is a number
  await client.get('k', { timeout: '5s' });
  // @ts-expect-error options come last, in an object
  await client.set('k', 'v', 'EX', 60);
  // @ts-expect-error a channel is a name
  client.subscribe({});
}

void uses;
