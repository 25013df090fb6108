// The methods of commands: what each sends, and what it refuses.

using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Reflection;
using Standfast;

internal static class MethodTests
{
    /// <summary>What a method would have sent.</summary>
    private sealed class Sent : Exception
    {
        internal Sent(object[] words)
        {
            Words = words.Select(word => Convert.ToString(word, CultureInfo.InvariantCulture)).ToArray();
        }

        internal string[] Words { get; }
    }

    private sealed class Recorder : Commands
    {
        protected override Value Run(object[] words) => throw new Sent(words);
    }

    public static void EveryMethodSendsItsWords()
    {
        var methods = typeof(Commands).GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly)
            .ToDictionary(method => method.Name);
        var called = new HashSet<string>();
        foreach (Dictionary<string, object> call in Calls().Where(call => call.ContainsKey("csharp")))
        {
            var csharp = (List<object>)call["csharp"];
            var name = (string)csharp[0];
            var expected = string.Join(" ", (List<object>)call["words"]);
            Check.Equal(name + ": " + expected, name + ": " + string.Join(" ", Words(methods[name], (Dictionary<string, object>)csharp[1])));
            called.Add(name);
        }
        Check.True(called.SetEquals(methods.Keys), "no call of " + string.Join(", ", methods.Keys.Except(called)));
        Check.True(called.Count > 200, "only " + called.Count);
    }

    public static void AsTheDocumentationOfTheServersWritesIt()
    {
        Sends("SET k v NX EX 10", c => c.Set("k", "v", nx: true, ex: 10));
        Sends("DEL a b", c => c.Del("a", "b"));
        Sends("MSET a 1 b 2", c => c.MSet(new Dictionary<string, int> { { "a", 1 }, { "b", 2 } }));
        Sends("HSET h f v", c => c.HSet("h", new Dictionary<string, string> { { "f", "v" } }));
        Sends("ZADD z XX 1.5 a", c => c.ZAdd("z", new Dictionary<string, double> { { "a", 1.5 } }, xx: true));
        Sends("ZRANGE z -inf (5 BYSCORE LIMIT 0 5", c => c.ZRange("z", "-inf", "(5", byscore: true, limit: (0L, 5L)));
        Sends("ZUNION 2 a b WEIGHTS 1 2 AGGREGATE MAX", c => c.ZUnion(new[] { "a", "b" }, new[] { 1.0, 2 }, "max"));
        Sends("BLPOP q 0", c => c.BLPop(new[] { "q" }));
        Sends("XADD s MAXLEN ~ 100 * f v", c => c.XAdd("s", "*", new Dictionary<string, string> { { "f", "v" } }, maxlen: 100, approximate: true));
        Sends("XREAD COUNT 10 BLOCK 500 STREAMS s t 0 $", c => c.XRead(new Dictionary<string, string> { { "s", "0" }, { "t", "$" } }, 10, 500));
        Sends("EVAL return 1 1 k a", c => c.Eval("return 1", 1, "k", "a"));
        Sends("SCAN 0 MATCH a*", c => c.Scan(match: "a*"));
        Sends("HEXPIRE h 10 NX FIELDS 2 a b", c => c.HExpire("h", 10, new object[] { "a", "b" }, nx: true));
    }

    public static void WhatCannotBeSentIsRefused()
    {
        var recorder = new Recorder();
        Action<int, Action> refused = (code, call) => Check.Fails<StandfastUsageException>(code, call);
        refused(ErrorCode.InvalidArgument, () => recorder.Del());
        refused(ErrorCode.NullArgument, () => recorder.Del(null));
        refused(ErrorCode.InvalidArgument, () => recorder.MSet(new Dictionary<string, string>()));
        refused(ErrorCode.InvalidArgument, () => recorder.LMPop(new[] { "k" }, "MIDDLE"));
        refused(ErrorCode.NullArgument, () => recorder.LMPop(new[] { "k" }, null));
        refused(ErrorCode.NullArgument, () => recorder.XRead<string>(null));
        refused(
            ErrorCode.InvalidArgument,
            () => recorder.XAdd("s", "*", new Dictionary<string, string> { { "f", "v" } }, approximate: true));
    }

    public static void RepliesHaveTypes(Lab lab)
    {
        using (var client = Client.Connect(lab.Url))
        {
            client.Del("cs:h", "cs:s", "cs:z", "cs:l", "cs:k");
            Check.Equal(2L, client.HSet("cs:h", new Dictionary<string, object> { { "a", 1 }, { "b", "x" } }));
            Check.Equal(1L, client.HSet("cs:h", "c", 1.5));
            Check.Equal("x", client.HGetAll("cs:h")["b"]);
            Check.Equal("1,,1.5", string.Join(",", client.HMGet("cs:h", "a", "none", "c")));
            Check.Equal(3L, client.SAdd("cs:s", "x", "y", "z"));
            Check.Equal(3, client.SMembers("cs:s").Length);
            Check.Equal("True,False", string.Join(",", client.SMIsMember("cs:s", "x", "w").Select(found => found == 1)));
            client.ZAdd("cs:z", new Dictionary<string, double> { { "m", 1.5 } });
            Check.Equal((double?)1.5, client.ZScore("cs:z", "m"));
            Check.Equal((double?)null, client.ZScore("cs:z", "none"));
            Check.Equal(2.5, client.ZIncrBy("cs:z", 1, "m"));
            Check.True(client.Set("cs:k", "v", nx: true).AsString() == "OK", "not set");
            Check.True(client.Set("cs:k", "w", nx: true).IsNil, "set again");
            Check.Equal("v", client.Get("cs:k"));
            client.Rename("cs:k", "cs:l");
            Check.Equal("string", client.Type("cs:l"));
        }
    }

    private static IEnumerable<Dictionary<string, object>> Calls() =>
        ((List<object>)((Dictionary<string, object>)JsonFile.Read("tests/vectors/commands.json"))["calls"])
            .Cast<Dictionary<string, object>>();

    private static void Sends(string words, Action<Recorder> call)
    {
        try
        {
            call(new Recorder());
        }
        catch (Sent sent)
        {
            Check.Equal(words, string.Join(" ", sent.Words));
            return;
        }
        throw new CheckException("nothing was sent instead of " + words);
    }

    private static string[] Words(MethodInfo method, Dictionary<string, object> arguments)
    {
        if (method.IsGenericMethodDefinition)
        {
            method = method.MakeGenericMethod(typeof(object));
        }
        var parameters = method.GetParameters();
        var unknown = arguments.Keys.Except(parameters.Select(parameter => parameter.Name));
        Check.True(!unknown.Any(), method.Name + " has no " + string.Join(", ", unknown));
        try
        {
            method.Invoke(new Recorder(), parameters.Select(parameter => Argument(parameter, arguments)).ToArray());
        }
        catch (TargetInvocationException thrown)
        {
            var sent = thrown.InnerException as Sent;
            Check.True(sent != null, method.Name + ": " + thrown.InnerException);
            return sent.Words;
        }
        throw new CheckException(method.Name + " sent nothing");
    }

    private static object Argument(ParameterInfo parameter, Dictionary<string, object> arguments)
    {
        object given;
        if (arguments.TryGetValue(parameter.Name, out given))
        {
            return As(parameter.ParameterType, given);
        }
        return parameter.IsOptional ? parameter.DefaultValue : As(parameter.ParameterType, new List<object>());
    }

    private static object As(Type type, object given)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        var list = given as List<object>;
        if (list != null && type.FullName.StartsWith("System.ValueTuple", StringComparison.Ordinal))
        {
            return Activator.CreateInstance(type, list.Zip(type.GetGenericArguments(), (item, of) => As(of, item)).ToArray());
        }
        if (list != null)
        {
            var of = type.IsArray ? type.GetElementType() : type.GetGenericArguments()[0];
            var array = Array.CreateInstance(of, list.Count);
            for (var i = 0; i < list.Count; i++)
            {
                array.SetValue(As(of, list[i]), i);
            }
            return array;
        }
        if (given is Dictionary<string, object> map)
        {
            var pair = type.GetGenericArguments()[0];
            var of = pair.GetGenericArguments()[1];
            var array = Array.CreateInstance(pair, map.Count);
            var at = 0;
            foreach (var entry in map)
            {
                array.SetValue(Activator.CreateInstance(pair, entry.Key, As(of, entry.Value)), at++);
            }
            return array;
        }
        return type == typeof(object) ? given : Convert.ChangeType(given, type, CultureInfo.InvariantCulture);
    }
}
