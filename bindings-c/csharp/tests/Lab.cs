// Real servers, through the command standfast-lab: one JSON object a line in each direction. The answers are flat enough to be
// read with regular expressions.

using System;
using System.Diagnostics;
using System.IO;
using System.Reflection;
using System.Text.RegularExpressions;

internal sealed class Lab : IDisposable
{
    private readonly Process process;

    private Lab(Process process)
    {
        this.process = process;
    }

    /// <summary>The URL of the topology.</summary>
    internal string Url { get; private set; }

    /// <summary>The URL with other options and another master name.</summary>
    internal string With(string master, string options) => Url.Substring(0, Url.IndexOf("/mymaster", StringComparison.Ordinal))
        + "/" + master + "?" + options;

    internal string[] Sentinels { get; private set; }

    internal string[] Nodes { get; private set; }

    /// <summary>Start servers; options as in the lab's README, written as JSON: "\"password\":\"x\"".</summary>
    internal static Lab Start(string options)
    {
        var start = new ProcessStartInfo(Program())
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        var lab = new Lab(Process.Start(start));
        var answer = lab.Do("start", options);
        lab.Url = Text(answer, "url");
        lab.Sentinels = Texts(answer, "sentinels");
        lab.Nodes = Texts(answer, "nodes");
        return lab;
    }

    /// <summary>Ask, and wait for the answer.</summary>
    internal string Do(string what, string more = "")
    {
        process.StandardInput.WriteLine("{\"do\":\"" + what + "\"" + (more == "" ? "" : "," + more) + "}");
        process.StandardInput.Flush();
        var answer = process.StandardOutput.ReadLine();
        Check.True(answer != null && answer.Contains("\"ok\":true"), "standfast-lab: " + what + ": " + answer);
        return answer;
    }

    internal string Master() => Text(Do("master"), "master");

    /// <summary>The reply of a node to a command that replies with a number.</summary>
    internal long Ask(string node, params string[] arguments) => Number(
        Do("redis", "\"node\":\"" + node + "\",\"args\":[\"" + string.Join("\",\"", arguments) + "\"]"), "reply");

    internal static string Text(string json, string name)
    {
        var match = Regex.Match(json, "\"" + name + "\":\"([^\"]*)\"");
        Check.True(match.Success, "no " + name + " in " + json);
        return match.Groups[1].Value;
    }

    internal static long Number(string json, string name)
    {
        var match = Regex.Match(json, "\"" + name + "\":(-?\\d+)");
        Check.True(match.Success, "no " + name + " in " + json);
        return long.Parse(match.Groups[1].Value);
    }

    internal static string[] Texts(string json, string name)
    {
        var match = Regex.Match(json, "\"" + name + "\":\\[([^\\]]*)\\]");
        Check.True(match.Success, "no " + name + " in " + json);
        return match.Groups[1].Value.Length == 0 ? new string[0] : match.Groups[1].Value.Replace("\"", "").Split(',');
    }

    public void Dispose()
    {
        process.StandardInput.Close();
        if (!process.WaitForExit(10000))
        {
            process.Kill();
        }
        process.Dispose();
    }

    internal static string Program()
    {
        var given = Environment.GetEnvironmentVariable("STANDFAST_LAB");
        return string.IsNullOrEmpty(given) ? Path.Combine(Repository(), "target/debug/standfast-lab") : given;
    }

    /// <summary>The repository that this program was built in.</summary>
    internal static string Repository()
    {
        var given = Environment.GetEnvironmentVariable("STANDFAST_REPOSITORY");
        var folder = new DirectoryInfo(
            string.IsNullOrEmpty(given) ? Path.GetDirectoryName(Assembly.GetExecutingAssembly().Location) : given);
        while (folder != null && !File.Exists(Path.Combine(folder.FullName, "bindings-c/include/standfast.h")))
        {
            folder = folder.Parent;
        }
        Check.True(folder != null, "the tests run outside of the repository; set STANDFAST_REPOSITORY");
        return folder.FullName;
    }
}
