"""The recipe tool: text that a reviewer can read, compiled to the hostile bytes it describes."""
