// Where the tests are: the repository that they were built in, and the lab's command that was built with them.

using System;
using System.IO;
using System.Reflection;
using Standfast.Testing;

internal static class Tree
{
    /// <summary>The kit finds this tree's command unless STANDFAST_LAB names another.</summary>
    internal static string Program()
    {
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable("STANDFAST_LAB")))
        {
            Environment.SetEnvironmentVariable("STANDFAST_LAB", Path.Combine(Repository(), "target/debug/standfast-lab"));
        }
        return Lab.Program();
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

    /// <summary>The lab's URL with other options and another master name.</summary>
    internal static string With(this Lab lab, string master, string options) =>
        lab.Url.Substring(0, lab.Url.IndexOf("/mymaster", StringComparison.Ordinal)) + "/" + master + "?" + options;
}
