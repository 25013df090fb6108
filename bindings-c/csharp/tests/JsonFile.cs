// JSON as dictionaries, lists, strings, numbers, booleans and null: the runtimes that these tests run on have no reader in
// common. It reads files of this tree, which are well formed.

using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Text;

internal sealed class JsonFile
{
    private readonly string text;
    private int at;

    private JsonFile(string text)
    {
        this.text = text;
    }

    /// <summary>A file of this tree.</summary>
    internal static object Read(string path)
    {
        var folder = new DirectoryInfo(AppDomain.CurrentDomain.BaseDirectory);
        while (!System.IO.File.Exists(Path.Combine(folder.FullName, path)))
        {
            folder = folder.Parent ?? throw new CheckException("there is no " + path + " in any folder above the tests");
        }
        return new JsonFile(System.IO.File.ReadAllText(Path.Combine(folder.FullName, path))).Value();
    }

    /// <summary>A line of a program of this tree.</summary>
    internal static object Parse(string text) => new JsonFile(text).Value();

    private object Value()
    {
        Skip();
        switch (text[at])
        {
            case '{': return Map();
            case '[': return List();
            case '"': return String();
            case 't': at += 4; return true;
            case 'f': at += 5; return false;
            case 'n': at += 4; return null;
            default: return Number();
        }
    }

    private Dictionary<string, object> Map()
    {
        var map = new Dictionary<string, object>();
        for (at++; Next() != '}'; at += Next() == ',' ? 1 : 0)
        {
            var key = String();
            Next();
            at++;
            map.Add(key, Value());
        }
        at++;
        return map;
    }

    private List<object> List()
    {
        var list = new List<object>();
        for (at++; Next() != ']'; at += Next() == ',' ? 1 : 0)
        {
            list.Add(Value());
        }
        at++;
        return list;
    }

    private string String()
    {
        var found = new StringBuilder();
        for (at++; text[at] != '"'; at++)
        {
            if (text[at] != '\\')
            {
                found.Append(text[at]);
                continue;
            }
            at++;
            if (text[at] == 'u')
            {
                found.Append((char)int.Parse(text.Substring(at + 1, 4), NumberStyles.HexNumber, CultureInfo.InvariantCulture));
                at += 4;
            }
            else
            {
                const string Letters = "bfnrt";
                var letter = Letters.IndexOf(text[at]);
                found.Append(letter < 0 ? text[at] : "\b\f\n\r\t"[letter]);
            }
        }
        at++;
        return found.ToString();
    }

    private object Number()
    {
        var start = at;
        while (at < text.Length && "+-.eE0123456789".IndexOf(text[at]) >= 0)
        {
            at++;
        }
        var digits = text.Substring(start, at - start);
        long whole;
        return long.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out whole)
            ? (object)whole
            : double.Parse(digits, CultureInfo.InvariantCulture);
    }

    private char Next()
    {
        Skip();
        return text[at];
    }

    private void Skip()
    {
        while (char.IsWhiteSpace(text[at]))
        {
            at++;
        }
    }
}
