#!/usr/bin/env python3
"""Turns the worked example at the top of a public header into a source file that must compile.

    extract_example.py HEADER OUTPUT

The example is the first run of comment lines indented by three spaces. What it takes for granted (a
`remote`, a `path`) stands in CONTEXT below; everything else must be as the header shows it.
"""
from pathlib import Path
import re
import sys

# What surrounds the example: declarations before the function, and the function's head.
CONTEXT = {
    "slice.h": ("#include <vector>",
                "void Example(const tensorgate::Checkpoint& checkpoint, std::size_t index)"),
    "mapping.h": ("", "void Example(const tensorgate::Checkpoint& checkpoint)"),
    "tensor.h": ("", "void Example(const tensorgate::Checkpoint& checkpoint)"),
    "source.h": ("struct Remote { tensorgate::Result<std::size_t> Fetch(std::uint64_t, std::span<std::byte>); };",
                 "void Example(Remote& remote, std::uint64_t size)"),
    "status.h": ("#include <string>\nenum Outcome { kSkip, kFail, kRead };",
                 "Outcome Example(const std::string& path)"),
    "safetensors.h": ("", "int Example()"),
}
ENDING = {"safetensors.h": "  return 0;\n", "status.h": "  return kRead;\n"}


def example(text, marker):
    lines = []
    for line in text.splitlines():
        found = re.match(marker + r"   (.*)$", line)
        if found:
            lines.append(found.group(1))
        elif lines and line.strip() == marker.strip():
            lines.append("")
        elif lines:
            break
    return "\n".join(lines).strip().replace("…", "")


def main():
    header, output = Path(sys.argv[1]), Path(sys.argv[2])
    is_c = header.name == "tensorgate.h"
    body = example(header.read_text(encoding="utf-8"), r" \*" if is_c else "//")
    if not body:
        sys.exit(f"{header}: no example at the top")
    declarations, head = CONTEXT.get(header.name, ("", "void Example(void)" if is_c else "void Example()"))
    # The header itself comes first, so that it is seen to stand alone.
    if is_c:
        before = '#include "tensorgate.h"\n#include <stdio.h>\n'
    else:
        before = f'#include "tensorgate/{header.name}"\n#include <cstdio>\n'
        before += "".join(f'#include "tensorgate/{name.name}"\n'
                          for name in sorted(header.parent.glob("*.h")))
    ending = ENDING.get(header.name, "")
    main_function = "int main(void) { Example(); return 0; }\n" if is_c else ""
    text = f"{before}{declarations}\n{head};\n{head} {{\n{body}\n{ending}}}\n{main_function}"
    if not output.is_file() or output.read_text(encoding="utf-8") != text:
        output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
