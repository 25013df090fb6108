// The quick start: connect, write, read, subscribe.
// mcs -r:Standfast.dll Quickstart.cs && mono Quickstart.exe "redis+sentinel://s1,s2,s3/mymaster"

using System;
using System.Threading;
using Standfast;

internal static class Quickstart
{
    private static int Main(string[] arguments)
    {
        var url = arguments.Length > 0 ? arguments[0] : "redis+sentinel://127.0.0.1/mymaster";
        try
        {
            using (var client = Client.Connect(url))
            using (var arrived = new ManualResetEventSlim())
            {
                client.Set("greeting", "hello");
                Console.WriteLine("greeting = " + client.Get("greeting"));
                Console.WriteLine("length = " + client.ExecuteAsync("STRLEN", "greeting").Result);

                var news = client.RegisterSubscription("news", (channel, message) =>
                {
                    Console.WriteLine(channel + ": " + message);
                    arrived.Set();
                });
                news.Ready(TimeSpan.FromSeconds(5));
                client.Publish("news", "it works");
                return arrived.Wait(TimeSpan.FromSeconds(5)) ? 0 : 1;
            }
        }
        catch (StandfastException error)
        {
            Console.Error.WriteLine(error.Message);
            return 1;
        }
    }
}
