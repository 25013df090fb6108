// Runs every test: public static methods of classes whose name ends in Tests, those with a Lab parameter against real servers.
// Prints "ok NAME" or "FAILED NAME", at the end "N passed, N failed"; the exit status says whether all passed. A test that
// does not end is a failure. Names as arguments select tests; "leave HOW URL" and "parse URL" are programs that
// tests start.

using System;
using System.Diagnostics;
using System.Linq;
using System.Reflection;
using System.Threading;

internal static class Runner
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(120);

    private static int Main(string[] names)
    {
        if (names.Length == 3 && names[0] == "leave")
        {
            return LifetimeTests.Leave(names[1], names[2]);
        }
        if (names.Length == 2 && names[0] == "parse")
        {
            return VectorTests.Parse(names[1]);
        }
        var tests = typeof(Runner).Assembly.GetTypes()
            .Where(type => type.Name.EndsWith("Tests", StringComparison.Ordinal))
            .OrderBy(type => type.Name)
            .SelectMany(type => type.GetMethods(BindingFlags.Public | BindingFlags.Static | BindingFlags.DeclaredOnly))
            .Where(test => names.Length == 0 || names.Any(name => test.Name.Contains(name)))
            .ToList();
        int passed = 0, failed = 0;
        using (var shared = new Lazily<Lab>(() => Lab.Start("")))
        {
            foreach (var test in tests)
            {
                var started = Stopwatch.StartNew();
                var problem = Run(test, shared);
                var line = test.DeclaringType.Name + "." + test.Name + " (" + started.ElapsedMilliseconds + " ms)";
                if (problem == null)
                {
                    passed++;
                    Console.WriteLine("ok " + line);
                }
                else
                {
                    failed++;
                    Console.WriteLine("FAILED " + line + ": " + problem);
                }
            }
        }
        Console.WriteLine(passed + " passed, " + failed + " failed");
        return failed == 0 && passed > 0 ? 0 : 1;
    }

    private static string Run(MethodInfo test, Lazily<Lab> lab)
    {
        Exception problem = null;
        var thread = new Thread(() =>
        {
            try
            {
                test.Invoke(null, test.GetParameters().Length == 0 ? new object[0] : new object[] { lab.Value });
            }
            catch (TargetInvocationException thrown)
            {
                problem = thrown.InnerException;
            }
            catch (Exception thrown)
            {
                problem = thrown;
            }
        }) { IsBackground = true };
        thread.Start();
        if (!thread.Join(Limit))
        {
            return "did not end within " + Limit;
        }
        return problem?.ToString();
    }
}

/// <summary>Made when it is first asked for, disposed if it was made.</summary>
internal sealed class Lazily<T> : IDisposable
    where T : class, IDisposable
{
    private readonly Func<T> make;
    private T value;

    internal Lazily(Func<T> make)
    {
        this.make = make;
    }

    internal T Value => value ?? (value = make());

    public void Dispose() => value?.Dispose();
}

/// <summary>A test's expectation was not met.</summary>
internal sealed class CheckException : Exception
{
    internal CheckException(string message) : base(message) { }
}

internal static class Check
{
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    internal static void True(bool condition, string what)
    {
        if (!condition)
        {
            throw new CheckException(what);
        }
    }

    internal static void Equal<T>(T expected, T found)
    {
        True(Equals(expected, found), "expected " + Show(expected) + ", found " + Show(found));
    }

    /// <summary>The action fails with this error, of this class.</summary>
    internal static T Fails<T>(int code, Action action)
        where T : Standfast.StandfastException
    {
        try
        {
            action();
        }
        catch (Standfast.StandfastException error)
        {
            Equal(code, error.Code);
            True(error is T, "expected " + typeof(T).Name + ", found " + error.GetType().Name);
            True(error.Message.StartsWith(error.Name + ": ", StringComparison.Ordinal), "no name in front: " + error.Message);
            return (T)error;
        }
        throw new CheckException("expected error " + code + ", nothing failed");
    }

    /// <summary>Look until the condition holds, up to a hard limit.</summary>
    internal static void Eventually(Func<bool> condition, string what)
    {
        var limit = Stopwatch.StartNew();
        while (!condition())
        {
            True(limit.Elapsed < Patience, "not within " + Patience + ": " + what);
            Thread.Sleep(5);
        }
    }

    private static string Show(object value) => value == null ? "null" : "\"" + value + "\"";
}
