// Commands and reports against real servers, waiting and as tasks.

using System;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Standfast;

internal static class CommandTests
{
    public static void ArgumentsAndRepliesOfEveryType(Lab lab)
    {
        using (var client = Client.Connect(lab.Url))
        {
            var bytes = new byte[] { 0, 255, 13, 10, 0 };
            client.Set("cs:bytes", bytes);
            Check.True(client.GetBytes("cs:bytes").SequenceEqual(bytes), "bytes changed");
            client.Set("cs:text", "grüße, 世界");
            Check.Equal("grüße, 世界", client.Get("cs:text"));
            client.Set("cs:brief", "", TimeSpan.FromMinutes(1));
            Check.Equal("", client.Get("cs:brief"));
            Check.True(client.Execute("PTTL", "cs:brief").AsInt64() > 0, "no expiry");
            Check.Equal<string>(null, client.Get("cs:missing"));
            Check.True(client.Execute("GET", "cs:missing").IsNil, "not nil");

            client.Execute("DEL", "cs:n");
            Check.Equal(41L, client.Execute("INCRBY", "cs:n", 41).AsInt64());
            Check.Equal(41L, (long)client.Execute("GET", "cs:n"));
            client.Set("cs:f", 1.25);
            Check.Equal(1.5, client.Execute("INCRBYFLOAT", "cs:f", 0.25).AsDouble());
            Check.Equal("-9223372036854775808", client.Execute("ECHO", long.MinValue).AsString());
            Check.Equal("0.1", client.Execute("ECHO", 0.1).AsString());

            client.Execute("DEL", "cs:hash");
            client.Execute("HSET", "cs:hash", "field", "value", "other", 2);
            var hash = client.Execute("HGETALL", "cs:hash");
            Check.Equal(ValueKind.Map, hash.Kind);
            Check.Equal(2, hash.Count);
            Check.Equal("value", hash["field"].AsString());
            Check.True(hash["nothing"].IsNil, "not nil");
            Check.Equal(2L, hash["other"].AsInt64());

            var nested = client.Execute(
                "EVAL",
                "redis.setresp(3); return {true, {double=1.5}, {err='MYERR inside'}, {set={m=true}}, 'text', 7}", 0);
            Check.Equal(6, nested.Count);
            Check.True(nested[0].AsBoolean(), "not true");
            Check.Equal(1.5, nested[1].AsDouble());
            Check.Equal(ValueKind.Error, nested[2].Kind);
            Check.Equal("MYERR", nested[2].ErrorCode);
            Check.Equal("m", nested[3][0].AsString());
            Check.Equal("[true, 1.5, MYERR inside, [m], text, 7]", nested.ToString());
            Check.Fails<StandfastUsageException>(ErrorCode.InvalidArgument, () => nested.AsInt64());
            Check.Fails<StandfastUsageException>(ErrorCode.InvalidArgument, () => nested[6].AsString());
            Check.Fails<StandfastUsageException>(ErrorCode.InvalidArgument, () => nested[4].AsInt64());
            Check.Equal("text", client.Execute("ECHO", nested[4]).AsString());
        }
    }

    public static void WrongArgumentsAreNamed(Lab lab)
    {
        using (var client = Client.Connect(lab.Url))
        {
            Check.Fails<StandfastUsageException>(ErrorCode.InvalidArgument, () => client.Execute());
            Check.Fails<StandfastUsageException>(ErrorCode.NullArgument, () => client.Execute((object[])null));
            Check.Fails<StandfastUsageException>(ErrorCode.NullArgument, () => client.Execute("GET", null));
            Check.Fails<StandfastUsageException>(ErrorCode.NullArgument, () => client.Set(null, "x"));
            var type = Check.Fails<StandfastUsageException>(ErrorCode.InvalidArgument, () => client.Execute("SET", "k", true));
            Check.True(type.Message.Contains("Boolean"), type.Message);
            Check.Fails<StandfastUsageException>(ErrorCode.InvalidArgument, () => client.Execute("ECHO", "\ud800"));
            Check.Fails<StandfastUsageException>(ErrorCode.InvalidArgument, () => client.Execute(TimeSpan.Zero, "PING"));
            Check.Fails<StandfastUsageException>(
                ErrorCode.InvalidArgument, () => client.Execute(TimeSpan.FromSeconds(-5), "PING"));
            Check.Fails<StandfastUsageException>(ErrorCode.InvalidArgument, () => client.WaitReady(TimeSpan.FromSeconds(-5)));
            Check.Fails<StandfastUsageException>(ErrorCode.NullArgument, () => client.Publish(null, "x"));
            Check.Fails<StandfastUsageException>(ErrorCode.InvalidArgument, () => client.Subscribe());
            Check.Fails<StandfastUsageException>(ErrorCode.NullArgument, () => client.Subscribe("a", null));
            Check.Fails<StandfastUsageException>(ErrorCode.NullArgument, () => client.RegisterSubscription("a", null));
            Check.Equal("PONG", client.Execute("PING").AsString());
        }
    }

    public static void ErrorsOfTheServerHaveTheirWords(Lab lab)
    {
        using (var client = Client.Connect(lab.Url))
        {
            client.Set("cs:text", "x");
            var error = Check.Fails<StandfastServerException>(
                ErrorCode.ReplyError, () => client.Execute("LPUSH", "cs:text", "secret-value"));
            Check.Equal("WRONGTYPE", error.ServerCode);
            Check.True(error.ServerText.Contains("wrong kind of value"), error.ServerText);
            Check.Equal("server", error.Category);
            Check.True(!error.ToString().Contains("secret-value"), "an argument is shown");
        }
    }

    public static void CommandThatTakesTooLongSaysWhere(Lab lab)
    {
        using (var client = Client.Connect(lab.Url))
        {
            var error = Check.Fails<StandfastNetworkException>(
                ErrorCode.MaybeExecuted, () => client.Execute(TimeSpan.FromMilliseconds(50), "DEBUG", "SLEEP", 0.5));
            Check.Equal("reply", error.Phase);
            Check.Equal("if_idempotent", error.Retry);
            Check.Equal("mine", client.Execute("ECHO", "mine").AsString());
        }
    }

    public static void ReportsTellTheTruth(Lab lab)
    {
        using (var client = Client.Connect(lab.Url))
        {
            var status = client.Status();
            Check.Equal("ready", status.State);
            Check.Equal(lab.Master(), status.Master);
            Check.Equal(1L, status.Generation);
            Check.True(status.Since > DateTime.UtcNow.AddMinutes(-5) && status.Since <= DateTime.UtcNow, "since " + status.Since);
            Check.Equal(lab.Sentinels.Length, status.Fields["sentinels"].Count);
            Check.Equal("standfast:csharp:" + Library.Version, client.Execute("CLIENT", "GETNAME").AsString());
            Check.Eventually(() => client.Nodes().Count == lab.Nodes.Length, "every node is known");
            Check.Equal(lab.Master(), client.Nodes().Single(node => node.Role == "master").Address);
            Event seen;
            do
            {
                seen = client.NextEvent(Check.Patience);
            }
            while (seen.Kind != "ready");
            Check.Equal(1L, seen.Generation);
            client.WaitReady(TimeSpan.Zero);
        }
        using (var client = Client.Connect(lab.Url, new ClientOptions { ClientName = "mine" }))
        {
            Check.Equal("mine", client.Execute("CLIENT", "GETNAME").AsString());
        }
    }

    public static void ClosedClientSaysSoEverywhere(Lab lab)
    {
        var client = Client.Connect(lab.Url);
        client.Dispose();
        client.Dispose();
        Action<Action> closed = action => Check.Fails<StandfastUsageException>(ErrorCode.Closed, action);
        closed(() => client.Execute("PING"));
        closed(() => client.ExecuteAsync("PING").GetAwaiter().GetResult());
        closed(() => client.Get("k"));
        closed(() => client.Set("k", "v"));
        closed(() => client.Publish("c", "m"));
        closed(() => client.Subscribe("c"));
        closed(() => client.RegisterSubscription("c", (channel, message) => { }));
        closed(() => client.Status());
        closed(() => client.Nodes());
        closed(() => client.WaitReady(TimeSpan.FromSeconds(1)));
        closed(() => client.NextEvent(TimeSpan.FromSeconds(1)));
        Check.Equal(0, client.Events().Count());
    }

    public static void DisposeEndsWhatWaits(Lab lab)
    {
        var client = Client.Connect(lab.Url);
        var key = "cs:never:" + Guid.NewGuid();
        var events = Task.Run(() => client.Events().Count());
        var task = client.ExecuteAsync("BLPOP", key, 0);
        var thread = Task.Run(() => client.Execute(Timeout.InfiniteTimeSpan, "BLPOP", key, 0));
        Check.Eventually(
            () => client.Execute("CLIENT", "LIST").AsString().Split('\n').Count(line => line.Contains("cmd=blpop")) == 2,
            "both commands wait");
        client.Dispose();
        foreach (var waiting in new Task[] { task, thread })
        {
            try
            {
                Check.True(waiting.Wait(Check.Patience), "still waiting");
                throw new CheckException("nothing was popped, and yet there is a reply");
            }
            catch (AggregateException failed)
            {
                var error = failed.InnerException as StandfastException;
                Check.True(
                    error != null && (error.Code == ErrorCode.Closed || error.Code == ErrorCode.MaybeExecuted),
                    failed.InnerException.ToString());
            }
        }
        Check.True(events.Wait(Check.Patience), "the reader of events still waits");
    }

    public static void TasksComeWithTheirOwnReplies(Lab lab)
    {
        using (var client = Client.Connect(lab.Url))
        {
            var tasks = Enumerable.Range(0, 500).Select(n => client.ExecuteAsync("ECHO", n)).ToArray();
            Check.True(Task.WaitAll(tasks, Check.Patience), "not all are done");
            Check.Equal(500, tasks.Where((task, n) => task.Result.AsInt64() == n).Count());

            client.Set("cs:text", "x");
            var error = Check.Fails<StandfastServerException>(
                ErrorCode.ReplyError, () => client.ExecuteAsync("LPUSH", "cs:text", "y").GetAwaiter().GetResult());
            Check.Equal("WRONGTYPE", error.ServerCode);
            Check.Fails<StandfastUsageException>(
                ErrorCode.NullArgument, () => client.ExecuteAsync("GET", null).GetAwaiter().GetResult());
        }
    }

    public static void CancelledTaskEndsAndOthersGoOn(Lab lab)
    {
        using (var client = Client.Connect(lab.Url))
        using (var source = new CancellationTokenSource())
        {
            var key = "cs:cancel:" + Guid.NewGuid();
            var waiting = client.ExecuteAsync(source.Token, "BLPOP", key, 0);
            Check.Eventually(() => client.Execute("CLIENT", "LIST").AsString().Contains("cmd=blpop"), "the command waits");
            source.Cancel();
            var error = Check.Fails<StandfastNetworkException>(
                ErrorCode.MaybeExecuted, () => waiting.GetAwaiter().GetResult());
            Check.True(error.Message.Length > 0, "no message");
            Check.True(client.ExecuteAsync(source.Token, "PING").IsCanceled, "a cancelled token cancels at once");
            Check.Equal("PONG", client.ExecuteAsync("PING").Result.AsString());
        }
    }

    public static void ManyThreadsShareAClient(Lab lab)
    {
        using (var client = Client.Connect(lab.Url))
        {
            var wrong = 0;
            var threads = Enumerable.Range(0, 8).Select(t => new Thread(() =>
            {
                for (var i = 0; i < 200; i++)
                {
                    if (client.Execute("ECHO", t + ":" + i).AsString() != t + ":" + i)
                    {
                        Interlocked.Increment(ref wrong);
                    }
                }
            })).ToList();
            threads.ForEach(thread => thread.Start());
            threads.ForEach(thread => thread.Join());
            Check.Equal(0, wrong);
        }
    }
}
