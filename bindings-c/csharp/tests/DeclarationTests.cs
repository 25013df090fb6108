// What must agree with other files: the declarations with the header, the numbers with the library's table.

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

    public static void ErrorCodesAreThoseOfTheLibrary()
    {
        var header = File.ReadAllText(Path.Combine(Lab.Repository(), "bindings-c/include/standfast.h"));
        var table = Regex.Matches(header, "#define STANDFAST_ERR_([A-Z_]+) (\\d+)").Cast<Match>()
            .Select(match => Camel(match.Groups[1].Value) + "=" + match.Groups[2].Value);
        var here = typeof(ErrorCode).GetFields(BindingFlags.Public | BindingFlags.Static)
            .Select(field => field.Name + "=" + field.GetRawConstantValue());
        Check.Equal(string.Join("\n", table), string.Join("\n", here));
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

    private static string Camel(string name) =>
        string.Concat(name.Split('_').Select(word => word.Substring(0, 1) + word.Substring(1).ToLowerInvariant()));
}
