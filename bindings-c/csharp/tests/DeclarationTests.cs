// What must agree with other files: the declarations with the header, the version with the library's. That the error codes are
// those of the core is a test of tests/drift.

using System;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Standfast;

internal static class DeclarationTests
{
    public static void DeclarationsAreThoseOfTheHeader()
    {
        var header = File.ReadAllText(Path.Combine(Lab.Repository(), "bindings-c/include/standfast.h"));
        header = Regex.Replace(header, "/\\*.*?\\*/", "", RegexOptions.Singleline);
        var declared = Regex.Matches(header, "\\b(standfast_[a-z_]+)\\(([^)]*)\\)").Cast<Match>()
            .Select(match => match.Groups[1].Value + "/" + Parameters(match.Groups[2].Value))
            .OrderBy(name => name, StringComparer.Ordinal).ToList();
        var imported = typeof(Client).Assembly.GetType("Standfast.NativeMethods")
            .GetMethods(BindingFlags.NonPublic | BindingFlags.Static)
            .Where(method => method.GetCustomAttribute<DllImportAttribute>() != null)
            .Select(method => method.Name + "/" + method.GetParameters().Length)
            .OrderBy(name => name, StringComparer.Ordinal).ToList();
        Check.True(declared.Count > 50, "the header was not understood");
        Check.Equal(string.Join("\n", declared), string.Join("\n", imported));
    }

    public static void VersionsAgree()
    {
        var header = File.ReadAllText(Path.Combine(Lab.Repository(), "bindings-c/include/standfast.h"));
        var version = Regex.Match(header, "STANDFAST_VERSION \"([^\"]+)\"").Groups[1].Value;
        Check.Equal(version, Library.Version);
        var project = File.ReadAllText(Path.Combine(Lab.Repository(), "bindings-c/csharp/Standfast.csproj"));
        Check.True(project.Contains("<Version>" + version + "</Version>"), "the project file has another version");
    }

    public static void SourcesAreWithinWhatEveryCompilerReads()
    {
        foreach (var file in Directory.GetFiles(Path.Combine(Lab.Repository(), "bindings-c/csharp/Standfast"), "*.cs"))
        {
            Check.True(!File.ReadAllText(file).Contains("#nullable"), file + " uses #nullable, which mcs does not read");
        }
    }

    private static int Parameters(string list) => list.Trim() == "void" ? 0 : list.Split(',').Length;
}
