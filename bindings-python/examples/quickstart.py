"""Quick start with threads: python quickstart.py redis+sentinel://s1,s2,s3/mymaster"""

import sys

import standfast

with standfast.connect(sys.argv[1]) as client:
    client.set("greeting", "hello", ex=60)
    print(client.get("greeting"))
    client.execute("HSET", "user:1", "name", "Ada")
    with client.subscribe("news") as news:
        news.ready()
        client.publish("news", "standing fast")
        for message in news:
            print(message.channel, message.payload, message.gap_before)
            break
