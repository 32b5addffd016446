#!/usr/bin/env python3
"""Turns documented examples into source files that must compile, and that must run if the files they name do not exist.

    extract_example.py HEADER OUTPUT       the example at the top of a public header
    extract_example.py README.md OUTPUT    all C++ examples of a document, one function each
    extract_example.py --main OUTPUT NAME...    a main function that runs the examples of these headers and of the document

The example of a header is the first run of comment lines indented by three spaces. Names that it assumes (a `remote`, a
`path`) are defined in CONTEXT below; everything else must be as in the document.
"""
from pathlib import Path
import re
import sys

# The code around an example: declarations before the function, its return type, and its parameters.
CONTEXT = {
    "slice": ("#include <vector>", "void", "const tensorgate::Checkpoint& checkpoint, std::size_t index"),
    "mapping": ("", "void", "const tensorgate::Checkpoint& checkpoint"),
    "tensor": ("", "void", "const tensorgate::Checkpoint& checkpoint"),
    "source": ("struct Remote { tensorgate::Result<std::size_t> Fetch(std::uint64_t, std::span<std::byte>); };",
               "void", "Remote& remote, std::uint64_t size"),
    "status": ("#include <string>\nenum Outcome { kSkip, kFail, kRead };", "Outcome", "const std::string& path"),
    "safetensors": ("", "int", ""),
}
ENDING = {"int": "  return 0;\n", "Outcome": "  return kRead;\n", "void": ""}
# How main calls functions with parameters: with a checkpoint without tensors, so that what they ask for does not exist.
CALLS = {
    "slice": "Example_slice(empty, 0)", "mapping": "Example_mapping(empty)", "tensor": "Example_tensor(empty)",
    "status": 'Example_status("model.safetensors")', "source": None,
}


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


def includes(folder):
    names = sorted(name.name for name in folder.glob("*.h"))
    return "#include <cstdio>\n" + "".join(f'#include "tensorgate/{name}"\n' for name in names)


def head_of(name):
    declarations, returned, taken = CONTEXT.get(name, ("", "void", ""))
    return declarations, f"{returned} Example_{name}({taken})", ENDING[returned]


def of_header(header):
    is_c = header.name == "tensorgate.h"
    body = example(header.read_text(encoding="utf-8"), r" \*" if is_c else "//")
    if not body:
        sys.exit(f"{header}: no example at the top")
    # The header itself comes first, to show that it can be included on its own.
    if is_c:
        before = '#include "tensorgate.h"\n#include <stdio.h>\n'
        return f"{before}int main(void) {{\n{body}\n  return 0;\n}}\n"
    declarations, head, ending = head_of(header.stem)
    before = f'#include "tensorgate/{header.name}"\n' + includes(header.parent)
    return f"{before}{declarations}\n{head};\n{head} {{\n{body}\n{ending}}}\n"


def blocks_of(document):
    blocks = re.findall(r"^```cpp\n(.*?)^```", document.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    if not blocks:
        sys.exit(f"{document}: no C++ example")
    return blocks


def of_document(document):
    text = includes(document.parent / "lib" / "include" / "tensorgate")
    for number, block in enumerate(blocks_of(document)):
        lines = block.splitlines()
        text += "".join(line + "\n" for line in lines if line.startswith("#include"))
        body = "\n".join(line for line in lines if not line.startswith("#include"))
        text += f"int Document_{number}();\nint Document_{number}() {{\n{body}\n  return 0;\n}}\n"
    return text


def main_function(document, names):
    """Runs each example while no file exists, then the one that saves a file, then each again."""
    text = includes(document.parent / "lib" / "include" / "tensorgate")
    calls = []
    for name in names:
        declarations, head, _ = head_of(name)
        call = CALLS.get(name, f"Example_{name}()")
        if call and name != "save":
            text += f"{declarations}\n{head};\n"
            calls.append(call)
    for number, _ in enumerate(blocks_of(document)):
        text += f"int Document_{number}();\n"
        calls.append(f"Document_{number}()")
    text += """void Example_save();
int main() {
  const std::byte nothing[] = {std::byte{2}, {}, {}, {}, {}, {}, {}, {}, std::byte{'{'}, std::byte{'}'}};
  const auto opened = tensorgate::Checkpoint::OpenBytes(nothing);
  if (!opened) return 1;
  const tensorgate::Checkpoint& empty = *opened;
  for (int round = 0; round < 2; ++round) {
"""
    text += "".join(f"    static_cast<void>({call});\n" for call in calls)
    return text + '    Example_save();\n  }\n  std::puts("all have run");\n}\n'


def main():
    root = Path(__file__).resolve().parents[1]
    if sys.argv[1] == "--main":
        output, text = Path(sys.argv[2]), main_function(root / "README.md", sys.argv[3:])
    else:
        given, output = Path(sys.argv[1]), Path(sys.argv[2])
        text = of_document(given) if given.suffix == ".md" else of_header(given)
    if not output.is_file() or output.read_text(encoding="utf-8") != text:
        output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
