// The garbage collector against the library: nothing is freed under a call, nothing that was forgotten stays.

using System;
using System.IO;
using System.Linq;
using System.Runtime.CompilerServices;
using System.Threading;
using Standfast;

internal static class LifetimeTests
{
    public static void CollectingAllTheTimeHurtsNobody(Lab lab)
    {
        var stop = false;
        var collector = new Thread(() =>
        {
            while (!Volatile.Read(ref stop))
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
            }
        });
        collector.Start();
        try
        {
            using (var client = Client.Connect(lab.Url))
            using (var subscription = client.Subscribe("cs:gc"))
            {
                subscription.Ready(Check.Patience);
                var registered = 0;
                client.RegisterSubscription("cs:gc", (channel, message) => Interlocked.Increment(ref registered))
                    .Ready(Check.Patience);
                for (var n = 0; n < 300; n++)
                {
                    Check.Equal(n.ToString(), client.Execute("ECHO", n).AsString());
                    Check.Equal(n.ToString(), client.ExecuteAsync("ECHO", n).Result.AsString());
                    client.Publish("cs:gc", n);
                    Check.Equal(n.ToString(), ((Message)subscription.Next(Check.Patience)).Text);
                    Check.Equal("ready", client.Status().State);
                }
                Check.Eventually(() => Volatile.Read(ref registered) == 300, "every message reached the handler");
            }
        }
        finally
        {
            Volatile.Write(ref stop, true);
            collector.Join();
        }
        NothingIsLeft();
    }

    public static void ForgottenClientsAreCollected(Lab lab)
    {
        for (var i = 0; i < 5; i++)
        {
            Forget(lab);
        }
        NothingIsLeft();
        Check.Eventually(
            () => !Directory.GetDirectories("/proc/self/task")
                .Any(task => File.ReadAllText(task + "/comm").StartsWith("standfast", StringComparison.Ordinal)),
            "no thread of the library is left");
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Forget(Lab lab)
    {
        var client = Client.Connect(lab.Url);
        client.RegisterSubscription("cs:forgotten", (channel, message) => { }).Ready(Check.Patience);
        client.Subscribe("cs:forgotten");
        Check.Equal("PONG", client.ExecuteAsync("PING").Result.AsString());
    }

    public static void DisposeWhileOthersCall(Lab lab)
    {
        for (var i = 0; i < 10; i++)
        {
            var client = Client.Connect(lab.Url);
            var working = new CountdownEvent(4);
            var wrong = "";
            var threads = Enumerable.Range(0, 4).Select(t => new Thread(() =>
            {
                var told = false;
                try
                {
                    for (;;)
                    {
                        if (t % 2 == 0)
                        {
                            client.Execute("PING");
                        }
                        else
                        {
                            client.ExecuteAsync("PING").GetAwaiter().GetResult();
                        }
                        if (!told)
                        {
                            told = true;
                            working.Signal();
                        }
                    }
                }
                catch (StandfastException error)
                {
                    if (error.Code != ErrorCode.Closed && error.Code != ErrorCode.MaybeExecuted)
                    {
                        Volatile.Write(ref wrong, error.ToString());
                    }
                }
                catch (Exception error)
                {
                    Volatile.Write(ref wrong, error.ToString());
                }
            })).ToList();
            threads.ForEach(thread => thread.Start());
            Check.True(working.Wait(Check.Patience), "not all threads work: " + wrong);
            client.Dispose();
            threads.ForEach(thread => Check.True(thread.Join(Check.Patience), "a call hangs after Dispose"));
            Check.Equal("", wrong);
        }
        NothingIsLeft();
    }

    private static void NothingIsLeft()
    {
        Check.Eventually(
            () =>
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                return Library.LiveHandles == 0;
            },
            "handles are left");
    }
}
