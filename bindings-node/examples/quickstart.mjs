// Connect, write, read, subscribe. Run it: node examples/quickstart.mjs redis+sentinel://s1,s2,s3/mymaster
import { connect } from 'standfast';

const client = await connect(process.argv[2] ?? process.env.STANDFAST_URL);
console.log('master:', client.status().master);

await client.set('greeting', 'hello', { EX: 60 });
console.log('greeting:', await client.get('greeting'));

const news = client.subscribe('news');
await news.ready();
await client.publish('news', 'it works');
for await (const message of news) {
  console.log('news:', message.payload, message.gapBefore ?? '');
  break;
}
await client.close();
