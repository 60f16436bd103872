"""The child process: `python -m veo_mcp.media.child inspect|gif VIDEO TARGET SECONDS` prints JSON.

Untrusted files are decoded here, so that a crash, a memory bomb or an endless loop costs this process only.
"""

import os
import sys
from pathlib import Path

from veo_mcp.media.facts import Inspection
from veo_mcp.media.limits import NO_DECODER, confine


def main(task: str, video: str, target: str, seconds: str) -> int:
    # The answer goes to the real stdout, which nobody else in this process gets to see.
    with os.fdopen(os.dup(1), "wb") as answer:
        os.dup2(2, 1)
        try:
            from veo_mcp.media.look import animate, look  # noqa: PLC0415 - tells a broken installation from a bad file
        except ImportError as error:
            sys.stderr.write(f"{error}\n")
            return NO_DECODER
        confine(float(seconds))
        if task == "gif":
            result = Inspection(damage=animate(Path(video), Path(target)))
        else:
            result = look(Path(video), Path(target) if target else None)
        answer.write(result.model_dump_json().encode())
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
