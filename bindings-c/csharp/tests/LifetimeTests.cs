// The garbage collector against the library: nothing is freed under a call, nothing that was forgotten stays.

using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Reflection;
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
            () => !Directory.GetDirectories("/proc/self/task").Any(
                task => ThreadName(task).StartsWith("standfast", StringComparison.Ordinal)),
            "no thread is left");
    }

    private static string ThreadName(string task)
    {
        try
        {
            return File.ReadAllText(Path.Combine(task, "comm")).Trim();
        }
        catch (IOException)
        {
            // It ended just now.
            return "";
        }
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

    public static void ProgramEndsWithAClientThatIsOpen(Lab lab)
    {
        var runtime = Process.GetCurrentProcess().MainModule.FileName;
        var program = Assembly.GetExecutingAssembly().Location;
        foreach (var how in new[] { "return", "exit", "idle" })
        {
            var start = new ProcessStartInfo(runtime, "\"" + program + "\" leave " + how + " " + lab.Url)
            {
                UseShellExecute = false,
                RedirectStandardOutput = true,
            };
            using (var process = Process.Start(start))
            {
                if (!process.WaitForExit((int)Check.Patience.TotalMilliseconds))
                {
                    process.Kill();
                    throw new CheckException("the program does not end: " + how);
                }
                Check.Equal(7, process.ExitCode);
                Check.Equal(how == "idle" ? "PONG" : "", process.StandardOutput.ReadToEnd().Trim());
            }
        }
    }

    /// <summary>The program of that test: it ends while threads and tasks wait, and disposes nothing. When no command is
    /// waited for, the client works in an exit handler.</summary>
    internal static int Leave(string how, string url)
    {
        var client = Client.Connect(url);
        client.RegisterSubscription("cs:leave", (channel, message) => { }).Ready(Check.Patience);
        ReadOn(client.Events());
        var logs = Logs.Open(LogLevel.Debug);
        // Whatever a thread waits in below has been called once, for the reason that `ReadOn` gives, and the log has a record.
        client.ExecuteAsync("PING").Wait();
        client.Execute("PING");
        client.Subscribe("cs:recorded").Dispose();
        ReadOn(logs);
        if (how == "idle")
        {
            AppDomain.CurrentDomain.ProcessExit += (sender, arguments) => Console.WriteLine(client.Execute("PING"));
            return 7;
        }
        client.ExecuteAsync("BLPOP", "cs:leave", 0);
        new Thread(() => client.Execute(Timeout.InfiniteTimeSpan, "BLPOP", "cs:leave", 0)) { IsBackground = true }.Start();
        Check.Eventually(
            () => client.Execute("CLIENT", "LIST").AsString().Split('\n').Count(line => line.Contains("cmd=blpop")) >= 2,
            "both commands wait");
        if (how == "exit")
        {
            Environment.Exit(7);
        }
        return 7;
    }

    /// <summary>Read on a thread of its own, and return when it reads. The first item is read here: mono 6.8 finds a native
    /// function at its first call, and when another thread compiles something at that moment, it may abort the process
    /// ("Cannot transition thread from STATE_BLOCKING"). And a thread that mono ends while it is only beginning takes the process
    /// with it, when it happens to be inside the class library. Neither is the end that is tested here.</summary>
    private static void ReadOn<T>(IEnumerable<T> items)
    {
        var reader = items.GetEnumerator();
        Check.True(reader.MoveNext(), "nothing to read");
        var begun = new ManualResetEventSlim();
        var thread = new Thread(() =>
        {
            begun.Set();
            while (reader.MoveNext())
            {
            }
        });
        thread.IsBackground = true;
        thread.Start();
        Check.True(begun.Wait(Check.Patience), "the reader does not begin");
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
