"""The recipe tool: compiles text that a reviewer can read to the hostile bytes that it describes."""
