// Pipelines, transactions, transactions over watched keys, and what is idempotent by call.

using System;
using System.Collections.Generic;
using System.Linq;
using Standfast;
using Standfast.Testing;

internal static class UnitTests
{
    public static void SeveralCommandsWorkTogether(Lab lab)
    {
        using (var client = Client.Connect(lab.Url))
        {
            client.Execute("DEL", "cu:k", "cu:n");
            var pipeline = client.Pipeline().Add("SET", "cu:k", "v").Add("INCR", "cu:k").Add("GET", "cu:k");
            Check.Equal(3, pipeline.Count);
            var outcomes = pipeline.Execute(throwOnError: false);
            Check.Equal("OK", outcomes[0].AsString());
            Check.Equal(ValueKind.Error, outcomes[1].Kind);
            Check.Equal(ErrorCode.ReplyError, outcomes[1].ErrorStatus);
            Check.Equal("v", outcomes[2].AsString());
            try
            {
                pipeline.Execute();
                Check.True(false, "it did not fail");
            }
            catch (StandfastServerException error)
            {
                Check.Equal(ErrorCode.ReplyError, error.Code);
                Check.Equal("ERR", error.ServerCode);
                Check.Equal("v", error.Outcomes[2].AsString());
            }
            Check.Equal(0, client.Pipeline().Execute().Count);
            Check.Fails<StandfastUsageException>(
                ErrorCode.InvalidArgument, () => client.Pipeline().Add("SUBSCRIBE", "x").Execute());

            var numbers = client.Transaction().Add("INCR", "cu:n").Add("INCR", "cu:n");
            Check.Equal(2L, numbers.Execute(TimeSpan.FromSeconds(5))[1].AsInt64());
            Check.Equal(4L, numbers.ExecuteAsync().Result[1].AsInt64());
            Check.Fails<StandfastServerException>(
                ErrorCode.ReplyError, () => client.Transaction().Add("INCR", "cu:n").Add("NO.SUCH").Execute());
            Check.Equal("4", client.Get("cu:n"));
            Check.Equal("OK", client.ExecuteIdempotent("SET", "cu:k", "w").AsString());
        }
    }

    public static void AWatchedTransactionIsRunAgain(Lab lab)
    {
        using (var client = Client.Connect(lab.Url))
        {
            client.Set("cu:w", 5);
            var runs = new List<string>();
            Action<Now, Unit> doubling = (now, transaction) =>
            {
                var value = now.Get("cu:w");
                runs.Add(value);
                if (runs.Count < 3)
                {
                    client.Execute("INCR", "cu:w");
                }
                transaction.Add("SET", "cu:w", 2 * long.Parse(value)).Add("GET", "cu:w");
            };
            var results = client.Watch(new[] { "cu:w" }, doubling);
            Check.Equal("14", results[1].AsString());
            Check.Equal("5 6 7", string.Join(" ", runs));
            runs.Clear();
            Check.Fails<StandfastServerException>(
                ErrorCode.TransactionAborted, () => client.Watch(new[] { "cu:w" }, doubling, attempts: 2));
            Check.Equal(0, client.Watch(new[] { "cu:w" }, (now, transaction) => { }).Count);
            try
            {
                client.Watch(new[] { "cu:w" }, (now, transaction) => throw new KeyNotFoundException());
                Check.True(false, "it did not fail");
            }
            catch (KeyNotFoundException)
            {
            }
            Check.Equal("16", client.Get("cu:w"));
        }
    }
}
