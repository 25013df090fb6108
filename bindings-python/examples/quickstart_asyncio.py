"""Quick start with asyncio: python quickstart_asyncio.py redis+sentinel://s1,s2,s3/mymaster"""

import asyncio
import sys

import standfast.aio


async def main() -> None:
    async with await standfast.aio.connect(sys.argv[1]) as client:
        await client.set("greeting", "hello", ex=60)
        print(await client.get("greeting"))
        async with client.subscribe("news") as news:
            await news.ready()
            await client.publish("news", "standing fast")
            async for message in news:
                print(message.channel, message.payload, message.gap_before)
                break


asyncio.run(main())
